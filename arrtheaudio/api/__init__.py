"""HTTP and websocket."""
