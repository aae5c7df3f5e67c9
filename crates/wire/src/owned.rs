//! Turns what borrows from a frame into what outlives it.

use std::borrow::Cow;

/// A value with borrowed bytes.
pub(crate) trait IntoStatic {
    type Static: 'static;
    fn into_static(self) -> Self::Static;
}

impl<B: ToOwned + ?Sized + 'static> IntoStatic for Cow<'_, B> {
    type Static = Cow<'static, B>;

    fn into_static(self) -> Self::Static {
        Cow::Owned(self.into_owned())
    }
}

impl<T: IntoStatic> IntoStatic for Option<T> {
    type Static = Option<T::Static>;

    fn into_static(self) -> Self::Static {
        self.map(T::into_static)
    }
}

impl<T: IntoStatic> IntoStatic for Vec<T> {
    type Static = Vec<T::Static>;

    fn into_static(self) -> Self::Static {
        self.into_iter().map(T::into_static).collect()
    }
}
