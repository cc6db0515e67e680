/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Real DMA through a lease, with the DMA engine of QEMU's "edu" device.
 *
 *      dma-client vfio --container FD --group FD --device BDF [--hold | --idle]
 *      dma-client iommufd --iommufd FD --device-fd FD [--hold | --idle]
 *
 * take what isolationd hands out: a group that is in its container, or a device that is bound to
 * its iommufd. With `--own` a container, or an iommufd, is opened here, in place of the fd, and with
 * `--own` or `--bind` the device is attached or bound here, as QEMU does it. By path, as DPDK does it,
 * or without isolationd, there are
 *
 *      dma-client vfio --open GROUP-NUMBER --device BDF
 *      dma-client iommufd --open CDEV-PATH
 *
 * An iommufd tells whether it counts memory for each process: `accounting process`, or `user`.
 *
 * Three pages of this process are mapped for the device. A pattern goes from one page into edu's
 * buffer and from there into another page, where it must arrive whole. Then the third page, into
 * which edu could write a moment ago, is unmapped and edu is told to write there once more: the
 * IOMMU must stop it, so the page must stay as it is.
 *
 * With --hold it goes on: round trip after round trip, each telling its number, until standard
 * input ends. With --idle it only has the device open until then.
 *
 *      dma-client nodes
 *
 * tries to open every node of VFIO and iommufd there is, and tells how that went: one line
 * `PATH open` or `PATH ERROR` each.
 */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "iommufd-abi.h"

/* edu's registers in BAR 0 (QEMU, docs/specs/edu). */
#define EDU_IDENTIFICATION 0x00U /* reads 0xMMmm00ed: version MM.mm */
#define EDU_DMA_SOURCE 0x80U
#define EDU_DMA_TARGET 0x88U
#define EDU_DMA_COUNT 0x90U
#define EDU_DMA_COMMAND 0x98U
#define EDU_BUFFER 0x40000U /* where its 4 KiB buffer sits in its own addresses */

#define EDU_COMMAND_START 0x1U /* reads back set until the transfer is over */
#define EDU_COMMAND_TO_RAM 0x2U

/* QEMU 7.2 aborts when a transfer touches the end of the buffer: stay well inside. */
#define TRANSFER_BYTES 2048U
#define PAGE_BYTES 4096U

/* edu addresses 28 bits. */
#define IOVA_SOURCE 0x100000U
#define IOVA_TARGET 0x200000U
#define IOVA_STRAY 0x800000U

#define PCI_COMMAND_OFFSET 4
#define PCI_COMMAND_BITS 0x6U /* memory space, bus master */

typedef struct Client {
        bool is_iommufd;
        int space; /* the container, or the iommufd */
        int group;
        int device;
        uint32_t ioas;
        volatile uint8_t *registers;
        uint8_t *source;
        uint8_t *target;
        uint8_t *stray;
        uint8_t round; /* makes the pattern of each round trip another one */
} Client;

static void client_map(Client *client, uint8_t *page, uint64_t iova)
{
        struct vfio_iommu_type1_dma_map vfio = {
                .argsz = sizeof(vfio),
                .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
                .vaddr = (uintptr_t)page,
                .iova = iova,
                .size = PAGE_BYTES,
        };
        LabIoasMap iommufd = {
                .size = sizeof(iommufd),
                .flags = LAB_MAP_FIXED_IOVA | LAB_MAP_WRITEABLE | LAB_MAP_READABLE,
                .ioas = client->ioas,
                .address = (uintptr_t)page,
                .length = PAGE_BYTES,
                .iova = iova,
        };

        if (client->is_iommufd ? ioctl(client->space, LAB_IOMMU_IOAS_MAP, &iommufd)
                               : ioctl(client->space, VFIO_IOMMU_MAP_DMA, &vfio))
                err(1, "cannot map memory for the device");
}

static void client_unmap(Client *client, uint64_t iova)
{
        struct vfio_iommu_type1_dma_unmap vfio = {
                .argsz = sizeof(vfio),
                .iova = iova,
                .size = PAGE_BYTES,
        };
        LabIoasUnmap iommufd = {
                .size = sizeof(iommufd),
                .ioas = client->ioas,
                .iova = iova,
                .length = PAGE_BYTES,
        };

        if (client->is_iommufd ? ioctl(client->space, LAB_IOMMU_IOAS_UNMAP, &iommufd)
                               : ioctl(client->space, VFIO_IOMMU_UNMAP_DMA, &vfio))
                err(1, "cannot unmap memory");
}

static uint8_t *client_add_page(Client *client, uint64_t iova)
{
        uint8_t *page =
                mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (page == MAP_FAILED)
                err(1, "mmap");
        client_map(client, page, iova);
        return page;
}

static struct vfio_region_info client_get_region(const Client *client, uint32_t index)
{
        struct vfio_region_info region = {.argsz = sizeof(region), .index = index};

        if (ioctl(client->device, VFIO_DEVICE_GET_REGION_INFO, &region) < 0)
                err(1, "no region %u", index);
        return region;
}

/* Let the device answer and do DMA, and make its registers visible here. */
static void client_enable_device(Client *client)
{
        struct vfio_region_info config = client_get_region(client, VFIO_PCI_CONFIG_REGION_INDEX);
        struct vfio_region_info bar = client_get_region(client, VFIO_PCI_BAR0_REGION_INDEX);
        off_t offset = (off_t)config.offset + PCI_COMMAND_OFFSET;
        uint16_t command;
        void *mapping;

        if (pread(client->device, &command, sizeof(command), offset) != sizeof(command))
                err(1, "cannot read the PCI command register");
        command |= PCI_COMMAND_BITS;
        if (pwrite(client->device, &command, sizeof(command), offset) != sizeof(command))
                err(1, "cannot write the PCI command register");
        mapping = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, client->device,
                       (off_t)bar.offset);
        if (mapping == MAP_FAILED)
                err(1, "cannot map the registers");
        client->registers = mapping;
}

static uint32_t client_read(const Client *client, uint32_t offset)
{
        return *(volatile uint32_t *)(client->registers + offset);
}

static void client_write(const Client *client, uint32_t offset, uint64_t value)
{
        *(volatile uint64_t *)(client->registers + offset) = value;
}

/* One transfer, from its start to its end. edu takes 100 ms for any. */
static void client_transfer(const Client *client, uint64_t source, uint64_t target, uint32_t flags)
{
        const struct timespec millisecond = {.tv_nsec = 1000000};
        struct timespec now, start;

        client_write(client, EDU_DMA_SOURCE, source);
        client_write(client, EDU_DMA_TARGET, target);
        client_write(client, EDU_DMA_COUNT, TRANSFER_BYTES);
        client_write(client, EDU_DMA_COMMAND, EDU_COMMAND_START | flags);
        clock_gettime(CLOCK_MONOTONIC, &start);
        while (client_read(client, EDU_DMA_COMMAND) & EDU_COMMAND_START) {
                nanosleep(&millisecond, NULL);
                clock_gettime(CLOCK_MONOTONIC, &now);
                if (now.tv_sec - start.tv_sec > 20)
                        errx(1, "a transfer does not end");
        }
}

/* RAM → edu → other RAM: what arrives must be what was sent, and nothing beside it. */
static void client_do_round_trip(Client *client)
{
        client->round++;
        for (unsigned i = 0; i < PAGE_BYTES; i++)
                client->source[i] = (uint8_t)(i * 7U + client->round);
        memset(client->target, 0, PAGE_BYTES);
        client_transfer(client, IOVA_SOURCE, EDU_BUFFER, 0);
        client_transfer(client, EDU_BUFFER, IOVA_TARGET, EDU_COMMAND_TO_RAM);
        if (memcmp(client->source, client->target, TRANSFER_BYTES) != 0)
                errx(1, "round trip: what came back is not what was sent");
        for (unsigned i = TRANSFER_BYTES; i < PAGE_BYTES; i++)
                if (client->target[i] != 0)
                        errx(1, "round trip: byte %u behind the target was touched", i);
}

/* The same write that has just reached the page must not reach it once it is unmapped. */
static void client_do_stray_write(Client *client)
{
        client_transfer(client, EDU_BUFFER, IOVA_STRAY, EDU_COMMAND_TO_RAM);
        if (memcmp(client->source, client->stray, TRANSFER_BYTES) != 0)
                errx(1, "stray write: the page cannot be reached even while it is mapped");
        client_unmap(client, IOVA_STRAY);
        memset(client->stray, 0xa5, PAGE_BYTES);
        client_transfer(client, EDU_BUFFER, IOVA_STRAY, EDU_COMMAND_TO_RAM);
        for (unsigned i = 0; i < PAGE_BYTES; i++)
                if (client->stray[i] != 0xa5)
                        errx(1, "stray write: byte %u of unmapped memory was changed", i);
}

static int must_open(const char *path)
{
        int fd = open(path, O_RDWR | O_CLOEXEC);

        if (fd < 0)
                err(1, "%s", path);
        return fd;
}

/* What isolationd does in some modes before it hands the fds out, and leaves to us in others. */
static void client_claim_group(Client *client)
{
        client->space = must_open("/dev/vfio/vfio");
        if (ioctl(client->group, VFIO_GROUP_SET_CONTAINER, &client->space) < 0 ||
            ioctl(client->space, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) < 0)
                err(1, "cannot claim the group");
}

static void client_bind(const Client *client)
{
        LabVfioBind bind = {.argsz = sizeof(bind), .iommufd = client->space};

        if (ioctl(client->device, LAB_VFIO_BIND_IOMMUFD, &bind) < 0)
                err(1, "cannot bind the device");
}

static void client_open(Client *client, const char *path)
{
        char node[64];

        if (client->is_iommufd) {
                client->space = must_open("/dev/iommu");
                client->device = must_open(path);
                client_bind(client);
                return;
        }
        snprintf(node, sizeof(node), "/dev/vfio/%s", path);
        client->group = must_open(node);
        client_claim_group(client);
}

static void client_tell_accounting(const Client *client)
{
        LabOption option = {
                .size = sizeof(option),
                .option = LAB_OPTION_RLIMIT_MODE,
                .operation = LAB_OPTION_GET,
        };

        if (ioctl(client->space, LAB_IOMMU_OPTION, &option) < 0)
                err(1, "the iommufd does not tell how it counts");
        printf("accounting %s\n", option.value == 1 ? "process" : "user");
}

static void client_attach(Client *client, const char *bdf)
{
        LabIoasAlloc ioas = {.size = sizeof(ioas)};
        LabVfioAttach attach = {.argsz = sizeof(attach)};

        if (!client->is_iommufd) {
                client->device = ioctl(client->group, VFIO_GROUP_GET_DEVICE_FD, bdf);
                if (client->device < 0)
                        err(1, "the group gives no %s", bdf);
                return;
        }
        if (ioctl(client->space, LAB_IOMMU_IOAS_ALLOC, &ioas) < 0)
                err(1, "cannot make an address space");
        client->ioas = attach.pt = ioas.ret_ioas;
        if (ioctl(client->device, LAB_VFIO_ATTACH_PT, &attach) < 0)
                err(1, "cannot attach the device to the address space");
}

static int parse_fd(const char *text)
{
        char *end;
        long fd = strtol(text, &end, 10);

        if (end == text || *end || fd < 0)
                errx(2, "not an fd: %s", text);
        return (int)fd;
}

/* Whatever of claiming is left to us. */
static void client_claim(Client *client, const char *path, bool own, bool bind)
{
        if (path)
                return client_open(client, path);
        if (own && !client->is_iommufd)
                return client_claim_group(client);
        if (own)
                client->space = must_open("/dev/iommu");
        if (own || bind)
                client_bind(client);
}

static void client_parse(Client *client, int argc, char **argv, bool *ret_hold, bool *ret_idle)
{
        static const struct option options[] = {
                {"container", required_argument, NULL, 'c'},
                {"group", required_argument, NULL, 'g'},
                {"device", required_argument, NULL, 'd'},
                {"iommufd", required_argument, NULL, 'i'},
                {"device-fd", required_argument, NULL, 'f'},
                {"open", required_argument, NULL, 'o'},
                {"own", no_argument, NULL, 'O'},
                {"bind", no_argument, NULL, 'b'},
                {"hold", no_argument, NULL, 'h'},
                {"idle", no_argument, NULL, 'w'},
                {NULL, 0, NULL, 0},
        };
        const char *bdf = NULL, *path = NULL;
        bool own = false, bind = false;
        int option;

        while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (option) {
                case 'c':
                case 'i':
                        client->space = parse_fd(optarg);
                        break;
                case 'g':
                        client->group = parse_fd(optarg);
                        break;
                case 'f':
                        client->device = parse_fd(optarg);
                        break;
                case 'd':
                        bdf = optarg;
                        break;
                case 'o':
                        path = optarg;
                        break;
                case 'O':
                        own = true;
                        break;
                case 'b':
                        bind = true;
                        break;
                case 'h':
                case 'w':
                        *(option == 'h' ? ret_hold : ret_idle) = true;
                        break;
                default:
                        exit(2);
                }
        if (argc - optind != 1)
                errx(2, "say vfio or iommufd");
        client->is_iommufd = !strcmp(argv[optind], "iommufd");
        if (!client->is_iommufd && (strcmp(argv[optind], "vfio") != 0 || !bdf))
                errx(2, "say `vfio --device BDF …` or `iommufd …`");
        client_claim(client, path, own, bind);
        if (client->is_iommufd)
                client_tell_accounting(client);
        client_attach(client, bdf);
}

static int try_nodes(void)
{
        static const char *const patterns[] = {"/dev/vfio/*", "/dev/vfio/devices/*", "/dev/iommu"};

        for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
                glob_t found;

                if (glob(patterns[i], 0, NULL, &found) != 0)
                        continue;
                for (size_t j = 0; j < found.gl_pathc; j++) {
                        int fd = open(found.gl_pathv[j], O_RDWR | O_CLOEXEC);

                        printf("%s %s\n", found.gl_pathv[j],
                               fd < 0 ? strerrorname_np(errno) : "open");
                        if (fd >= 0)
                                close(fd);
                }
                globfree(&found);
        }
        return 0;
}

/* Whether nobody wants more: standard input is at its end. Waits `msec` for that, -1 for ever. */
static bool input_ended(int msec)
{
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        char ignored[64];

        return poll(&input, 1, msec) > 0 && read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0;
}

int main(int argc, char **argv)
{
        Client client = {.space = -1, .group = -1, .device = -1};
        bool hold = false, idle = false;

        setvbuf(stdout, NULL, _IOLBF, 0);
        if (argc == 2 && !strcmp(argv[1], "nodes"))
                return try_nodes();
        client_parse(&client, argc, argv, &hold, &idle);
        client.source = client_add_page(&client, IOVA_SOURCE);
        client.target = client_add_page(&client, IOVA_TARGET);
        client.stray = client_add_page(&client, IOVA_STRAY);
        client_enable_device(&client);
        if ((client_read(&client, EDU_IDENTIFICATION) & 0xffffU) != 0xedU)
                errx(1, "this is no edu device");
        if (idle) {
                printf("idle\n");
                while (!input_ended(-1))
                        continue;
                return 0;
        }
        client_do_round_trip(&client);
        printf("roundtrip ok bytes=%u\n", TRANSFER_BYTES);
        client_do_stray_write(&client);
        printf("stray ok iova=%#x\n", IOVA_STRAY);
        if (!hold)
                return 0;
        for (unsigned round = 1; !input_ended(0); round++) {
                client_do_round_trip(&client);
                printf("round %u ok\n", round);
        }
        printf("end\n");
        return 0;
}
