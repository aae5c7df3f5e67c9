/* The disk below a mounted file system fails: every access to it ends with EIO from here on. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

/* FS_IOC_SHUTDOWN of ext4 and xfs, without a last flush of the journal */
#define SHUTDOWN _IOR('X', 125, uint32_t)
#define WITHOUT_FLUSH 2

int main(int count, char **words) {
    uint32_t how = WITHOUT_FLUSH;
    int mounted = count == 2 ? open(words[1], O_RDONLY) : -1;
    if (mounted < 0 || ioctl(mounted, SHUTDOWN, &how) != 0) {
        perror("shut the file system down");
        return 1;
    }
    return 0;
}
