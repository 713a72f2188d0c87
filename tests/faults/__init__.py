"""The proof that nothing is lost, doubled or half-visible, whatever breaks and whenever."""
