"""Antler's rooms; the README draws them."""
