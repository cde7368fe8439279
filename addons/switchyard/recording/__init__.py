"""Records attempts: flows, tapes, exports, the exchange log, the content view."""
