# SPDX-License-Identifier: LGPL-2.1-or-later
# dma-client and the listing, for who tries the lab by hand.
PATH=$PATH:/usr/libexec/isolationd-lab
