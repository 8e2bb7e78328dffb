"""Anthropic's Messages, in front of any model."""
