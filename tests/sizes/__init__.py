"""Work and memory by size: each part of a request and of an answer, at n, 2n and 4n."""
