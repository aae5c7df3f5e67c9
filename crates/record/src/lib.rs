//! Record batch v2: the only crate with compression libraries (a crate because of the wall around them).
