"""The web page. A package, so that one browser is for all of its tests and closed before the next folder's."""
