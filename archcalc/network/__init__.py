"""From a document to a graph: names resolved, blocks called, shapes filled in."""
