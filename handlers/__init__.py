"""What a delivery can do. This package never imports `receiver`."""
