"""What is remembered from one request to the next: pure, bounded, in memory."""
