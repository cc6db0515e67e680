/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The wordings, as Linux 6.1 to 7.2 has them:
 *
 *   Intel (dmar_fault):    DMAR: [DMA Write NO_PASID] Request device [00:05.0] fault addr 0x800000
 * […] DMAR: [INTR-REMAP] Request device [00:05.0] fault index 0x12 […] AMD (iommu_print_event,
 * amd_iommu_report_page_fault): AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:05.0
 * domain=0x0001 address=0x800000 flags=0x0020], or without `device=` and the function's name in
 * front of it, or in the record's DEVICE. Arm SMMUv3 (6.13 on):  event: F_TRANSLATION client:
 * 0000:01:00.0 sid: 0x100 … iova: 0x800000 …
 */

#include "core/model/fault.h"

#include <string.h>

#include "core/model/text.h"

#define SUPPRESSED_MAX 1000000

static const char *const access_names[_FAULT_ACCESS_N] = {
        [FAULT_ACCESS_UNKNOWN] = "unknown",
        [FAULT_ACCESS_READ] = "read",
        [FAULT_ACCESS_WRITE] = "write",
        [FAULT_ACCESS_INTERRUPT] = "interrupt",
};

const char *fault_access_to_string(FaultAccess access)
{
        return access_names[access];
}

/* The text after `word`, or NULL. */
static const char *after(const char *text, const char *word)
{
        const char *at = text ? strstr(text, word) : NULL;

        return at ? at + strlen(word) : NULL;
}

/* Reads a function's address that ends at one of `ends` or with the text. */
static bool take_bdf(const char *at, const char *ends, Bdf *ret)
{
        char text[BDF_TEXT_SIZE];
        size_t n = at ? strcspn(at, ends) : 0;

        if (n == 0 || n >= sizeof(text))
                return false;
        memcpy(text, at, n);
        text[n] = '\0';
        return bdf_parse(text, ret);
}

/*
 * Reads a hexadecimal number, with or without "0x"; of a number that is too long, its last digits.
 */
static bool take_number(const char *at, uint64_t *ret)
{
        const char *first;

        if (!at)
                return false;
        if (at[0] == '0' && at[1] == 'x')
                at += 2;
        first = at;
        for (*ret = 0; hex_digit(*at) >= 0; at++)
                *ret = *ret << 4 | (uint64_t)hex_digit(*at);
        return at != first;
}

static void take_address(const char *at, IommuFault *fault)
{
        fault->has_address = take_number(at, &fault->address);
}

static bool parse_intel(const char *record, IommuFault *fault)
{
        const char *rest = after(record, "DMAR: [");
        const char *device = after(rest, "Request device [");

        if (!take_bdf(device, "]", &fault->bdf))
                return false;
        if (strncmp(rest, "DMA Write", 9) == 0)
                fault->access = FAULT_ACCESS_WRITE;
        else if (strncmp(rest, "DMA Read", 8) == 0)
                fault->access = FAULT_ACCESS_READ;
        else if (strncmp(rest, "INTR-REMAP", 10) == 0)
                fault->access = FAULT_ACCESS_INTERRUPT;
        const char *address = after(device, "fault addr ");
        take_address(address ? address : after(device, "fault index "), fault);
        return true;
}

/* The function of a driver's message: "vfio-pci 0000:00:05.0: …", or the record's DEVICE. */
static bool take_subject(const char *record, const char *limit, Bdf *ret)
{
        if (take_bdf(after(record, "\n DEVICE=+pci:"), "\n", ret))
                return true;
        for (const char *word = record; word && word < limit; word = strchr(word, ' ')) {
                word += *word == ' ';
                if (take_bdf(word, " ", ret))
                        return true;
                size_t n = strcspn(word, " ");
                char text[BDF_TEXT_SIZE];
                if (n > 1 && n <= sizeof(text) - 1 && word[n - 1] == ':') {
                        memcpy(text, word, n - 1);
                        text[n - 1] = '\0';
                        if (bdf_parse(text, ret))
                                return true;
                }
        }
        return false;
}

/* PR and RW, AMD I/O Virtualization Technology Specification, "IO_PAGE_FAULT Event". */
#define AMD_FLAG_INTERRUPT 0x0008U
#define AMD_FLAG_WRITE 0x0020U

static bool parse_amd(const char *record, IommuFault *fault)
{
        const char *rest = after(record, "Event logged [IO_PAGE_FAULT ");
        uint64_t flags;

        if (!rest || (!take_bdf(after(rest, "device="), " ]", &fault->bdf) &&
                      !take_subject(record, rest, &fault->bdf)))
                return false;
        if (take_number(after(rest, "flags="), &flags))
                fault->access = flags & AMD_FLAG_INTERRUPT ? FAULT_ACCESS_INTERRUPT
                                : flags & AMD_FLAG_WRITE   ? FAULT_ACCESS_WRITE
                                                           : FAULT_ACCESS_READ;
        take_address(after(rest, "address="), fault);
        return true;
}

static bool parse_smmu(const char *record, IommuFault *fault)
{
        const char *rest = after(record, "event: F_");

        if (!take_bdf(after(rest, "client: "), " \n", &fault->bdf))
                return false;
        take_address(after(rest, "iova: "), fault);
        return true;
}

bool fault_parse(const char *record, IommuFault *ret)
{
        IommuFault fault = {.access = FAULT_ACCESS_UNKNOWN};

        if (!parse_intel(record, &fault) && !parse_amd(record, &fault) &&
            !parse_smmu(record, &fault))
                return false;
        *ret = fault;
        return true;
}

unsigned fault_parse_suppressed(const char *record)
{
        static const char word[] = " callbacks suppressed";
        const char *at = strstr(record, word);

        if (!at || (!strstr(record, "fault") && !strstr(record, "amd_iommu")))
                return 0;
        const char *first = at;
        unsigned n = 0;
        while (first > record && first[-1] >= '0' && first[-1] <= '9')
                first--;
        for (; first < at && n < SUPPRESSED_MAX; first++)
                n = n * 10 + (unsigned)(*first - '0');
        return n < SUPPRESSED_MAX ? n : SUPPRESSED_MAX;
}
