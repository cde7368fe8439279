"""What is a credential, and how it is masked. Pure."""
