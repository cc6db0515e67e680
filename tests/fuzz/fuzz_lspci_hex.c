/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The input is functions with bytes. Three bytes of each are its bus, its device.function, and its
 * number of rows of the standard and the extended space; the rows follow. They are printed in
 * lspci's form and read back. The reader of the text and the capability walk must find the same
 * facts.
 */

#include "fuzz.h"

#include "check_groups.h"
#include "check_json.h"
#include "core/model/pcicap.h"
#include "core/probe/lspci.h"

#include <string.h>

#define FUNCTIONS_MAX 64
#define ROW 16
#define EXTENDED 256

typedef struct Function {
        Bdf bdf;
        uint8_t bytes[4096];
        size_t n_standard; /* the number of bytes present from 0, and from 256 */
        size_t n_extended;
} Function;

static bool function_read(void *context, unsigned offset, uint32_t *ret_value)
{
        const Function *function = context;

        if (offset + 4 >
            (offset < EXTENDED ? function->n_standard : EXTENDED + function->n_extended))
                return false;
        memcpy(ret_value, function->bytes + offset, 4);
        return true;
}

/* Fills a function from the input; returns the rest of the input. */
static size_t function_fill(Function *function, const uint8_t *data, size_t n_data)
{
        size_t n;

        *function = (Function){.bdf = {0, data[0], data[1]}};
        function->n_standard = (data[2] & 15U) * ROW + ROW;
        function->n_extended = (data[2] >> 4U) * ROW;
        data += 3;
        n_data -= 3;
        n = n_data < function->n_standard ? n_data : function->n_standard;
        memcpy(function->bytes, data, n);
        data += n;
        n_data -= n;
        n = n_data < function->n_extended ? n_data : function->n_extended;
        memcpy(function->bytes + EXTENDED, data, n);
        return n_data - n;
}

static void print_rows(FILE *stream, const Function *function, size_t from, size_t n)
{
        for (size_t row = from; row < from + n; row += ROW) {
                (void)fprintf(stream, "%02zx:", row);
                for (size_t i = 0; i < ROW; i++)
                        (void)fprintf(stream, " %02x", function->bytes[row + i]);
                (void)fputc('\n', stream);
        }
}

/* A machine with one function has only facts from that function's bytes. */
static void check_alone(Function *function, const Snapshot *snapshot)
{
        const PciFacts *facts = &snapshot->devices[0].facts;
        PciFacts want;

        pcicap_read(function_read, function, EXTENDED, &want);
        if (function->n_extended > 0 || want.pcie != TRISTATE_NO)
                pcicap_read(function_read, function, 4096, &want);
        MUST(facts->present == want.present && facts->pcie == want.pcie);
        MUST(facts->pcie != TRISTATE_YES || facts->pcie_type == want.pcie_type);
        MUST(facts->acs.present == want.acs.present && facts->acs.dword4 == want.acs.dword4);
        MUST(facts->acs.cap == want.acs.cap && facts->acs.ctrl == want.acs.ctrl);
        MUST(facts->caps.sriov == want.caps.sriov && facts->caps.ari == want.caps.ari &&
             facts->caps.ats == want.caps.ats);
        MUST(facts->header_known == want.header_known);
        MUST(facts->header_type == want.header_type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(freep) char *text = NULL;
        size_t n_text = 0, n_functions = 0;
        Function function = {0};
        FILE *stream = open_memstream(&text, &n_text);

        MUST(stream);
        while (n_data >= 3 && n_functions < FUNCTIONS_MAX) {
                char address[BDF_TEXT_SIZE];
                size_t left = function_fill(&function, data, n_data);

                (void)fprintf(stream, "%s 0604: 8086:1901\n", bdf_format(function.bdf, address));
                print_rows(stream, &function, 0, function.n_standard);
                print_rows(stream, &function, EXTENDED, function.n_extended);
                (void)fputc('\n', stream);
                data += n_data - left;
                n_data = left;
                n_functions++;
        }
        MUST(fclose(stream) == 0);

        MUST(lspci_read(text, n_text, &snapshot) ==
             (n_functions > 0 ? 0 : (int)LSPCI_E_NO_DEVICES));
        if (n_functions == 0)
                return 0;
        MUST(snapshot->n_devices <= n_functions);
        if (n_functions == 1)
                check_alone(&function, snapshot);
        check_groups(snapshot);
        check_json(snapshot);
        return 0;
}
