//! What was examined, as pictures: as it was, squeezed, and what squeezing changed. Copies are made anew when one looks.

use std::io;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Page;
use crate::data::write_png;
use crate::evidence::Input;
use crate::squeeze::{self, Squeezer};
use crate::tensor::{Picture, shown_change};

/// Grey on which changes are shown.
const GREY: f32 = 0.5;

/// The picture that is made, as an answer.
async fn developed(page: &Page, make: impl FnOnce() -> io::Result<Vec<u8>> + Send + 'static) -> Response {
    match page.darkroom().make(make).await {
        Ok(Ok(png)) => {
            let headers =
                [(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, "private, max-age=86400, immutable")];
            (headers, png).into_response()
        }
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::error::Error) -> Response {
    tracing::error!(%error, "a picture of a detection could not be drawn");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// The picture of an item as it was examined.
pub(super) async fn picture(State(page): State<Page>, Path((id, item)): Path<(String, String)>) -> Response {
    match examined(&page, &id, &item) {
        Some(picture) => developed(&page, move || png(&picture)).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The picture after the squeezer whose prediction has this place among the item's.
pub(super) async fn copy(
    State(page): State<Page>,
    Path((id, item, place)): Path<(String, String, String)>,
) -> Response {
    match squeezed(&page, &id, &item, &place) {
        Some((picture, squeezer)) => developed(&page, move || png(&squeezer.squeeze(&picture))).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// What the squeezer took away, on grey, its largest change as black or white.
pub(super) async fn change(
    State(page): State<Page>,
    Path((id, item, place)): Path<(String, String, String)>,
) -> Response {
    match squeezed(&page, &id, &item, &place) {
        Some((picture, squeezer)) => {
            developed(&page, move || png(&difference(&picture, &squeezer.squeeze(&picture)))).await
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn examined(page: &Page, id: &str, item: &str) -> Option<Arc<Picture>> {
    match page.store().find(id)?.event.inputs.get(item.parse::<usize>().ok()?)?.as_ref()? {
        Input::Picture(picture) => Some(picture.clone()),
        Input::Text(_) => None,
    }
}

fn squeezed(page: &Page, id: &str, item: &str, place: &str) -> Option<(Arc<Picture>, Box<dyn Squeezer>)> {
    let found = page.store().find(id)?;
    let predictions = &found.event.detection.items.get(item.parse::<usize>().ok()?)?.predictions;
    let prediction = predictions.get(place.parse::<usize>().ok()?)?;
    Some((examined(page, id, item)?, squeeze::parse(&prediction.source).ok()?))
}

fn difference(before: &Picture, after: &Picture) -> Picture {
    let changes = || before.pixels().iter().zip(after.pixels()).map(|(before, after)| before - after);
    let largest = changes().map(f32::abs).fold(f32::MIN_POSITIVE, f32::max);
    let on_grey = before.with_pixels(changes().map(|change| GREY + GREY * change / largest).collect());
    shown_change(&on_grey).into_owned()
}

fn png(picture: &Picture) -> io::Result<Vec<u8>> {
    let mut file = Vec::new();
    write_png(&mut file, picture)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_as_large_as_it_can_be_and_none_as_grey() {
        let before = Picture::new(1, 1, 3, vec![0.5, 0.5, 0.5]).unwrap();
        let after = Picture::new(1, 1, 3, vec![0.5, 0.4, 0.6]).unwrap();
        assert_eq!(difference(&before, &after).to_interleaved_u8(), [128, 255, 0]);
        assert_eq!(difference(&before, &before).to_interleaved_u8(), [128; 3]);
    }
}
