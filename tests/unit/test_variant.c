/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Module tables of made kernels, searched for a device.
 */

#include "core/model/variant.h"
#include "tests/unit/tap.h"

#define VF "pci:v000015B3d0000101Esv000015B3sd00000058bc02sc00i00"
#define ANY "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
#define MLX5 "alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci\n"

static const char *search(const char *text, const char *modalias)
{
        static VariantMatch match;

        match = (VariantMatch){.module = ""};
        variant_search_aliases(text, modalias, &match);
        return match.module;
}

static void test_best(void)
{
        CHECK_STRING(search(ANY MLX5, VF), "mlx5_vfio_pci");
        CHECK_STRING(search(MLX5 ANY, VF), "mlx5_vfio_pci");
        CHECK_STRING(search(ANY, VF), "vfio_pci");
        CHECK_STRING(search("", VF), "");
        /* The last line may lack its end. */
        CHECK_STRING(search(ANY "alias vfio_pci:v000015B3d*sv*sd*bc*sc*i* x", VF), "x");
}

static void test_fields(void)
{
        static const char *const good[] = {
                "v*d0000101Esv*sd*bc*sc*i*",
                "v000015b3d0000101esv*sd*bc*sc*i*", /* digits of either case */
                "v*d*sv000015B3sd*bc*sc*i*",
                "v*d*sv*sd00000058bc*sc*i*",
                "v*d*sv*sd*bc02sc*i*",
                "v*d*sv*sd*bc*sc00i*",
                "v*d*sv*sd*bc*sc*i00",
        };
        static const char *const bad[] = {
                "v000015B4d*sv*sd*bc*sc*i*",
                "v*d0000101Fsv*sd*bc*sc*i*",
                "v*d*sv*sd*bc03sc*i*",
                "v*d*sv*sd*bc*sc*i01",
                "v15B3d*sv*sd*bc*sc*i*", /* too few digits */
                "v*d*sv*sd*bc*sc*",
                "v*d*sv*sd*bc*sc*i*x",
                "d*v*sv*sd*bc*sc*i*",
                "v*",
                "",
        };
        char line[128];

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                (void)snprintf(line, sizeof(line), "alias vfio_pci:%s m\n", good[i]);
                CHECK_STRING(search(line, VF), "m");
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                (void)snprintf(line, sizeof(line), "alias vfio_pci:%s m\n", bad[i]);
                CHECK_STRING(search(line, VF), "");
        }
}

/* The most specific entry wins, whatever it says; of equal ones the first. */
static void test_specificity(void)
{
        CHECK_STRING(search("alias vfio_pci:v000015B3d*sv*sd*bc02sc*i* two\n"
                            "alias vfio_pci:v000015B3d0000101Esv*sd*bc02sc*i* three\n"
                            "alias vfio_pci:v*d0000101Esv000015B3sd*bc02sc*i* other\n",
                            VF),
                     "three");
}

static void test_other_lines(void)
{
        CHECK_STRING(
                search("# Aliases extracted from modules themselves.\n"
                       "alias pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_core\n"
                       "xalias vfio_pci:v*d*sv*sd*bc*sc*i* no\n"
                       "alias  vfio_pci:v*d*sv*sd*bc*sc*i* no\n"
                       "alias vfio_pci:v*d*sv*sd*bc*sc*i*\n"
                       "alias vfio_pci:v*d*sv*sd*bc*sc*i* \n"
                       "alias vfio_pci:\n"
                       "alias vfio_pci:v*d*sv*sd*bc*sc*i* "
                       "a_name_that_is_longer_than_any_module_s_name_could_ever_be_in_a_kernel\n",
                       VF),
                "");
        CHECK_STRING(search(ANY, "pci:v000015B3"), "");
        CHECK_STRING(search(ANY, "usb:v1D6Bp0002"), "");
        CHECK_STRING(search(ANY, ""), "");
}

static void test_builtin(void)
{
        static const char table[] = "vfio_pci.alias=vfio_pci:v*d*sv*sd*bc*sc*i*\0"
                                    "vfio_pci.license=GPL v2\0"
                                    "pds_vfio_pci.alias=vfio_pci:v000015B3d*sv*sd*bc*sc*i*\0"
                                    "cut.alias=vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i*";
        VariantMatch match = {.module = ""};

        /* The last string has lost its end. */
        variant_search_modinfo(table, sizeof(table) - 1, VF, &match);
        CHECK_STRING(match.module, "pds_vfio_pci");
        CHECK_NUMBER(match.n_fields, 1);
        variant_search_modinfo(table, sizeof(table), VF, &match);
        CHECK_STRING(match.module, "cut");
        variant_search_modinfo(table, 0, VF, &match);
        /* The value that is present stays unless a better one is found. */
        variant_search_aliases(ANY, VF, &match);
        CHECK_STRING(match.module, "cut");
}

static void test_names(void)
{
        static const char table[] = "pds_vfio_pci.alias=vfio_pci:v*d*sv*sd*bc*sc*i*";

        CHECK(variant_same_name("vfio-pci", "vfio_pci"));
        CHECK(!variant_same_name("vfio-pci", "vfio_pci_core"));
        CHECK(variant_has_module(MLX5, table, sizeof(table), "mlx5-vfio-pci"));
        CHECK(variant_has_module(MLX5, table, sizeof(table), "pds-vfio-pci"));
        CHECK(!variant_has_module(MLX5, table, sizeof(table), "mlx5"));
        CHECK(!variant_has_module(MLX5, table, sizeof(table), ""));
        CHECK(!variant_has_module("alias pci:v*d*sv*sd*bc*sc*i* e1000e\n", "", 0, "e1000e"));
}

int main(void)
{
        static const TapTest tests[] = {
                {"the one made for the device is best", test_best},
                {"each field counts", test_fields},
                {"the most fields, then the first", test_specificity},
                {"lines that are no alias", test_other_lines},
                {"what is built in", test_builtin},
                {"names of modules", test_names},
        };

        return tap_run(tests);
}
