"""What is lost or changed between two formats."""
