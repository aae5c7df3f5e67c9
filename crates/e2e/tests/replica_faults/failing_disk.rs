//! A disk that fails under a follower: a file system of its own, whose every access ends with EIO.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::Product::Klamm;
use e2e::process::succeed;
use e2e::{folders, wait};

use super::cluster::{Cluster, on_runtime, produce_numbers, values};
use super::{FEW, segment};

const SOURCE: &str = include_str!("../../c/fail.c");
const BYTES: u64 = 64 << 20;

/// An ext4 file system in a file, mounted where `log.dirs` points to.
struct FailingDisk {
    folder: tempfile::TempDir,
    fail: PathBuf,
}

impl FailingDisk {
    /// `None` where this machine has no loop devices for its user, or no tools for them.
    fn mount() -> Option<Self> {
        let folder = folders::scratch();
        let disk = Self { fail: built()?, folder };
        std::fs::create_dir(disk.mounted()).expect("make the mount point");
        disk.replace().then_some(disk)
    }

    fn mounted(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    fn data(&self) -> PathBuf {
        self.mounted().join("data")
    }

    /// Puts an empty disk in; whether that is possible here.
    fn replace(&self) -> bool {
        self.unmount();
        let image = self.folder.path().join("image");
        // none is there the first time
        let _ = std::fs::remove_file(&image);
        let file = std::fs::File::create(&image).expect("make the image");
        file.set_len(BYTES).expect("make room in the image");
        let mut format = Command::new("mkfs.ext4");
        let mut mount = Command::new("mount");
        let is_done = |command: &mut Command| match command.output() {
            Ok(output) if output.status.success() => true,
            other => {
                eprintln!("skipped: {command:?}: {other:?}");
                false
            }
        };
        is_done(format.args(["-q", "-F"]).arg(&image))
            && is_done(mount.args(["-o", "loop"]).arg(&image).arg(self.mounted()))
    }

    /// From here on nothing can be read or written.
    fn fail(&self) {
        succeed(Command::new(&self.fail).arg(self.mounted()), b"");
        let error = std::fs::File::create(self.mounted().join("probe")).err();
        assert_eq!(
            error.and_then(|error| error.raw_os_error()),
            Some(rustix::io::Errno::IO.raw_os_error())
        );
    }

    fn unmount(&self) {
        // nothing is mounted the first time
        let _ = Command::new("umount").arg("--lazy").arg(self.mounted()).output();
    }
}

impl Drop for FailingDisk {
    fn drop(&mut self) {
        self.unmount();
    }
}

/// The program that lets a mounted disk fail. `None` where there is no C compiler.
fn built() -> Option<PathBuf> {
    if !e2e::runtimes::present("cc", "--version") {
        return None;
    }
    let folder = folders::filled("fail", SOURCE, |folder: &Path| {
        let source = folder.join("fail.c");
        std::fs::write(&source, SOURCE).expect("write the source");
        let mut cc = Command::new("cc");
        cc.args(["-O2", "-o"]).arg(folder.join("fail")).arg(source);
        succeed(&mut cc, b"");
    });
    Some(folder.join("fail"))
}

#[test]
fn a_follower_whose_disk_fails_leaves_and_comes_back_with_another_disk() {
    let Some(disk) = FailingDisk::mount() else { return };
    let healthy = folders::scratch();
    // its own metadata is on a disk that does not fail
    let more = |index| match index {
        2 => {
            let (meta, data) = (healthy.path().display(), disk.data());
            format!("metadata.log.dir={meta}\nlog.dirs={},{meta}\n", data.display())
        }
        _ => String::new(),
    };
    let mut cluster =
        Cluster::start_each(Klamm, &[Klamm; 3], more).expect("nothing else is needed");
    on_runtime(async {
        let topics = ["t", "u"];
        for topic in topics {
            cluster.create(topic, &[("min.insync.replicas", "2")]).await;
            assert_eq!(cluster.await_in_sync(topic, 3).await, 0);
        }
        let on_it = |topic: &&str| disk.data().join(format!("{topic}-0")).exists();
        let topic = topics.into_iter().find(on_it).expect("directories are filled in turn");
        let producer = cluster.producer(&[("acks", "all"), ("batch.size", "200")]);
        produce_numbers(&producer, topic, 0..FEW, |_| {}).await;
        cluster.await_in_sync(topic, 3).await;
        disk.fail();
        produce_numbers(&producer, topic, FEW..2 * FEW, |_| {}).await;
        assert_eq!(cluster.await_in_sync(topic, 2).await, 0);
        let (_, isr) = cluster.state(topic).await.expect("a leader");
        assert_eq!(isr, [Cluster::id(0), Cluster::id(1)]);
        wait::eventually("the others hear that it is the disk", async || {
            let metadata = cluster.admin().metadata().await.ok()?;
            let offline = &metadata.topic(topic)?.partitions.first()?.offline;
            (*offline == [Cluster::id(2)]).then_some(())
        })
        .await;
        assert!(cluster.brokers[2].server().ended().is_none(), "its other directory is whole");
        cluster.brokers[2].kill();
        assert!(disk.replace());
        cluster.brokers[2].restart();
        cluster.await_in_sync(topic, 3).await;
        wait::until("it has everything", || {
            let whole = cluster.segment(0, topic);
            let is_whole = values(&whole).into_iter().eq(0..2 * FEW);
            (is_whole && segment(&disk.data(), topic) == whole).then_some(())
        });
    });
}
