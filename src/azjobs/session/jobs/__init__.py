"""Jobs as handles: find them, follow them, receive from them, answer, stop and keep them."""
