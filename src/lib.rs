//! wordpaint.
