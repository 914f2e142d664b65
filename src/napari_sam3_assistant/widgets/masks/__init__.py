"""The tabs of Mask Operations."""
