/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Builds on disks and interfaces what the host may live on, where the guest has no tools for it.
 *
 *   stack address INTERFACE A.B.C.D     gives it an IPv4 address, or with 0.0.0.0 takes it
 *   stack move INTERFACE PID            gives it to that process's network namespace
 *   stack bridge NAME INTERFACE         makes a bridge with that port
 *   stack no-bridge NAME                takes it away
 *   stack linear NAME DEVICE            maps a block device by dm; /dev/mapper is not filled
 *   stack no-linear NAME                takes it away
 *   stack raid NUMBER DEVICE            makes /dev/mdNUMBER, a RAID 1 of one disk, without metadata
 *   stack no-raid NUMBER                takes it away
 *   stack have DEVICE                   has a block device to itself until its input ends, as the
 *                                       kernel does: no process's descriptors tell of it
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <linux/major.h>
#include <linux/raid/md_p.h>
#include <linux/raid/md_u.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void must(bool ok, const char *what)
{
        if (ok)
                return;
        (void)fprintf(stderr, "stack: %s: %s\n", what, strerror(errno));
        exit(1);
}

static int open_file(const char *path, int flags)
{
        int fd = open(path, flags | O_CLOEXEC);

        must(fd >= 0, path);
        return fd;
}

static int net_socket(void)
{
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        must(fd >= 0, "socket");
        return fd;
}

static void set_address(const char *interface, const char *text)
{
        struct ifreq request = {.ifr_name = ""};
        struct sockaddr_in address = {.sin_family = AF_INET};

        (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
        must(inet_pton(AF_INET, text, &address.sin_addr) == 1, text);
        memcpy(&request.ifr_addr, &address, sizeof(address));
        must(ioctl(net_socket(), SIOCSIFADDR, &request) == 0, "SIOCSIFADDR");
}

static void move_away(const char *interface, const char *pid)
{
        struct {
                struct nlmsghdr head;
                struct ifinfomsg link;
                struct nlattr attribute;
                uint32_t pid;
        } request = {
                .head = {.nlmsg_len = sizeof(request),
                         .nlmsg_type = RTM_NEWLINK,
                         .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
                .link = {.ifi_index = (int)if_nametoindex(interface)},
                .attribute = {.nla_len = 8, .nla_type = IFLA_NET_NS_PID},
                .pid = (uint32_t)strtoul(pid, NULL, 10),
        };
        struct {
                struct nlmsghdr head;
                struct nlmsgerr error;
                char rest[4096];
        } answer;
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

        must(fd >= 0 && send(fd, &request, sizeof(request), 0) == sizeof(request), "netlink");
        must(recv(fd, &answer, sizeof(answer), 0) > 0, "netlink");
        errno = -answer.error.error;
        must(answer.head.nlmsg_type == NLMSG_ERROR && errno == 0, "IFLA_NET_NS_PID");
}

static void add_bridge(const char *name, const char *interface)
{
        struct ifreq request = {.ifr_name = ""};
        int fd = net_socket();

        must(ioctl(fd, SIOCBRADDBR, name) == 0, "SIOCBRADDBR");
        (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
        request.ifr_ifindex = (int)if_nametoindex(interface);
        must(ioctl(fd, SIOCBRADDIF, &request) == 0, "SIOCBRADDIF");
}

static struct dm_ioctl *dm_request(char *buffer, size_t size, const char *name)
{
        struct dm_ioctl *request = (struct dm_ioctl *)(void *)buffer;

        memset(buffer, 0, size);
        request->version[0] = DM_VERSION_MAJOR;
        request->data_size = (uint32_t)size;
        request->data_start = sizeof(*request);
        (void)snprintf(request->name, sizeof(request->name), "%s", name);
        return request;
}

static void add_linear(const char *name, const char *device)
{
        _Alignas(8) char buffer[4096];
        int control = open_file("/dev/mapper/control", O_RDWR), disk = open_file(device, O_RDONLY);
        struct dm_ioctl *request = dm_request(buffer, sizeof(buffer), name);
        struct dm_target_spec spec = {.target_type = "linear"};
        uint64_t bytes;

        must(ioctl(control, DM_DEV_CREATE, request) == 0, "DM_DEV_CREATE");
        must(ioctl(disk, BLKGETSIZE64, &bytes) == 0, "BLKGETSIZE64");
        request = dm_request(buffer, sizeof(buffer), name);
        request->target_count = 1;
        spec.length = bytes / 512;
        memcpy(buffer + sizeof(*request), &spec, sizeof(spec));
        (void)snprintf(buffer + sizeof(*request) + sizeof(spec), 256, "%s 0", device);
        must(ioctl(control, DM_TABLE_LOAD, request) == 0, "DM_TABLE_LOAD");
        request = dm_request(buffer, sizeof(buffer), name);
        must(ioctl(control, DM_DEV_SUSPEND, request) == 0, "DM_DEV_SUSPEND (resume)");
}

static void remove_linear(const char *name)
{
        _Alignas(8) char buffer[4096];
        int control = open_file("/dev/mapper/control", O_RDWR);

        must(ioctl(control, DM_DEV_REMOVE, dm_request(buffer, sizeof(buffer), name)) == 0,
             "DM_DEV_REMOVE");
}

static int open_raid(const char *number)
{
        char path[64];

        (void)snprintf(path, sizeof(path), "/dev/md%s", number);
        (void)mknod(path, S_IFBLK | 0600, makedev(MD_MAJOR, (unsigned)strtoul(number, NULL, 10)));
        return open_file(path, O_RDWR);
}

static void add_raid(const char *number, const char *device)
{
        int raid = open_raid(number), disk = open_file(device, O_RDONLY);
        struct stat status;
        uint64_t bytes;

        must(fstat(disk, &status) == 0 && ioctl(disk, BLKGETSIZE64, &bytes) == 0, device);
        close(disk);
        mdu_array_info_t array = {
                .major_version = 0,
                .minor_version = 90,
                .level = 1,
                .size = (int)(bytes / 1024),
                .nr_disks = 1,
                .raid_disks = 2,
                .not_persistent = 1,
                .active_disks = 1,
                .working_disks = 1,
        };
        mdu_disk_info_t member = {
                .major = (int)major(status.st_rdev),
                .minor = (int)minor(status.st_rdev),
                .state = 1 << MD_DISK_ACTIVE | 1 << MD_DISK_SYNC,
        };
        must(ioctl(raid, SET_ARRAY_INFO, &array) == 0, "SET_ARRAY_INFO");
        must(ioctl(raid, ADD_NEW_DISK, &member) == 0, "ADD_NEW_DISK");
        must(ioctl(raid, RUN_ARRAY, NULL) == 0, "RUN_ARRAY");
}

/* The one descriptor of it is on its way in a message that nobody reads. */
static void have(const char *device)
{
        int ends[2], disk = open_file(device, O_RDONLY | O_EXCL);
        char byte = 0, control[CMSG_SPACE(sizeof(int))] = "";
        struct iovec iov = {.iov_base = &byte, .iov_len = 1};
        struct msghdr message = {.msg_iov = &iov,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof(control)};
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &disk, sizeof(int));
        must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
        must(sendmsg(ends[0], &message, 0) == 1, "sendmsg");
        close(disk);
        (void)printf("here\n");
        (void)fflush(stdout);
        while (read(STDIN_FILENO, &byte, 1) > 0)
                ;
}

int main(int argc, char **argv)
{
        const char *what = argc > 1 ? argv[1] : "";

        if (strcmp(what, "address") == 0 && argc == 4)
                set_address(argv[2], argv[3]);
        else if (strcmp(what, "move") == 0 && argc == 4)
                move_away(argv[2], argv[3]);
        else if (strcmp(what, "bridge") == 0 && argc == 4)
                add_bridge(argv[2], argv[3]);
        else if (strcmp(what, "no-bridge") == 0 && argc == 3)
                must(ioctl(net_socket(), SIOCBRDELBR, argv[2]) == 0, "SIOCBRDELBR");
        else if (strcmp(what, "linear") == 0 && argc == 4)
                add_linear(argv[2], argv[3]);
        else if (strcmp(what, "no-linear") == 0 && argc == 3)
                remove_linear(argv[2]);
        else if (strcmp(what, "raid") == 0 && argc == 4)
                add_raid(argv[2], argv[3]);
        else if (strcmp(what, "have") == 0 && argc == 3)
                have(argv[2]);
        else if (strcmp(what, "no-raid") == 0 && argc == 3)
                must(ioctl(open_raid(argv[2]), STOP_ARRAY, NULL) == 0, "STOP_ARRAY");
        else
                must(false, "what is asked is none of its trades");
        return 0;
}
