//! The thread on which images are shown: what a change means for the broker may take its time, and
//! the quorum waits for none of it.
//!
//! ```text
//! worker ──▶ [newest image, its end, who waits to be answered] ──▶ publisher
//!                                            ArcSwap ▸ listener ▸ watches ▸ answers
//! ```
//! Images that come while another is being shown take each other's place: only the newest is shown,
//! and those who wait are answered in order when it is.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use metadata::image::Image;
use types::Offset;

use super::error::ControllerError;
use super::outside::{Published, Shared};

/// Says to one who waits that what was asked is done, committed and shown.
pub(super) type Answer = Box<dyn FnOnce() + Send>;

/// The way to the thread; it ends, with nothing left to show, when this is dropped.
pub(super) struct Publisher {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

/// What is done at a time.
#[derive(Default)]
struct Task {
    image: Option<(Image, Offset)>,
    answers: Vec<Answer>,
}

#[derive(Default)]
struct Waiting {
    task: Task,
    /// The thread has taken something out and is not done with it.
    is_showing: bool,
    is_closed: bool,
}

impl Publisher {
    pub fn start(published: Arc<Published>, shared: Arc<Shared>) -> Result<Self, ControllerError> {
        let queue = Arc::new(Queue::default());
        let work = {
            let queue = Arc::clone(&queue);
            move || queue.work(&published, &shared)
        };
        let thread = std::thread::Builder::new().name("publisher".to_owned()).spawn(work);
        Ok(Self { queue, thread: Some(thread.map_err(ControllerError::Thread)?) })
    }

    /// Has an image shown that all records before `end` are in.
    pub fn show(&self, image: Image, end: Offset) {
        self.queue.lock().task.image = Some((image, end));
        self.queue.changed.notify_all();
    }

    /// Answers once everything is shown that waits now; at once, if nothing does.
    pub fn answer(&self, answer: Answer) {
        let mut waiting = self.queue.lock();
        if waiting.is_idle() {
            drop(waiting);
            return answer();
        }
        // who is not answered hears that, as the answer is dropped
        if !waiting.is_closed {
            waiting.task.answers.push(answer);
            self.queue.changed.notify_all();
        }
    }

    /// Blocks until nothing is left to show.
    pub fn wait_until_shown(&self) {
        let mut waiting = self.queue.lock();
        while !waiting.is_idle() && !waiting.is_closed {
            waiting = self.queue.wait(waiting);
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.queue.close();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that shows images panicked");
        }
    }
}

impl Queue {
    fn work(&self, published: &Published, shared: &Shared) {
        // whoever waits must not do so for ever if a listener panics
        let _ends = Ends(self, shared);
        while let Some(Task { image, answers }) = self.next() {
            if let Some((image, end)) = image {
                published.publish(image, end);
                shared.applied.send_replace(end);
            }
            answers.into_iter().for_each(|answer| answer());
        }
    }

    /// What there is to do; `None` when that is nothing, for ever.
    fn next(&self) -> Option<Task> {
        let mut waiting = self.lock();
        waiting.is_showing = false;
        self.changed.notify_all();
        while waiting.is_idle() {
            if waiting.is_closed {
                return None;
            }
            waiting = self.wait(waiting);
        }
        waiting.is_showing = true;
        Some(std::mem::take(&mut waiting.task))
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, waiting: MutexGuard<'g, Waiting>) -> MutexGuard<'g, Waiting> {
        self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn is_idle(&self) -> bool {
        self.task.image.is_none() && self.task.answers.is_empty() && !self.is_showing
    }
}

/// The thread's end.
struct Ends<'q>(&'q Queue, &'q Shared);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.close();
        if std::thread::panicking() {
            // whose answers are dropped hears that there is none
            self.0.lock().task.answers.clear();
            self.1.fail("what a change of the cluster's metadata entails could not be carried out");
        }
    }
}
