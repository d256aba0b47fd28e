"""Networks: backbones of timm, the engines that run them, and what they give of vignettes."""
