// What NVIDIA's management library knows of a device; it may well be missing.
#ifndef GK_CUDA_NVML_H
#define GK_CUDA_NVML_H

typedef enum gk_nvml_answer { GK_NVML_UNKNOWN, GK_NVML_NO, GK_NVML_YES } gk_nvml_answer;

// Is the device of this UUID (without its kind: "8e3a...-...") a MIG instance?
gk_nvml_answer gk_nvml_is_mig(const char *uuid);

#endif
