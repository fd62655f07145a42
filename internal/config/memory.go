package config

import (
	"math"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// fallbackMemoryBytes is assumed where neither a control group nor /proc tells.
const fallbackMemoryBytes = 4 << 30

// MemoryLimitBytes is the hard memory budget of the process: memory_limit_mb,
// or three quarters of what the control group or the machine has.
func (c *Config) MemoryLimitBytes() int64 {
	if c.State.MemoryLimitMB > 0 {
		return int64(c.State.MemoryLimitMB) << 20
	}
	return availableMemory("/") / 4 * 3
}

// availableMemory is the smallest of the machine's memory and the limits of the
// control groups (v2 or v1) that the process is in, in bytes. root is "/",
// or a test's directory.
func availableMemory(root string) int64 {
	limit := int64(math.MaxInt64)
	if n, ok := machineMemory(root); ok {
		limit = n
	}
	for _, dir := range cgroupDirs(root) {
		for _, name := range []string{"memory.max", "memory.limit_in_bytes"} {
			if n, ok := readBytes(filepath.Join(dir, name)); ok && n < limit {
				limit = n
			}
		}
	}
	if limit == math.MaxInt64 {
		return fallbackMemoryBytes
	}
	return limit
}

// cgroupDirs lists the directories whose limits apply: the process's own groups
// and all their parents. In a container the group's path is often not visible
// and the mount's root is the group itself, which the walk up also covers.
func cgroupDirs(root string) []string {
	text, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return nil
	}
	var dirs []string
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		var mount string
		switch {
		case parts[0] == "0" && parts[1] == "":
			mount = filepath.Join(root, "sys/fs/cgroup")
		case contains(parts[1], "memory"):
			mount = filepath.Join(root, "sys/fs/cgroup/memory")
		default:
			continue
		}
		for p := path.Clean("/" + parts[2]); ; p = path.Dir(p) {
			dirs = append(dirs, filepath.Join(mount, p))
			if p == "/" {
				break
			}
		}
	}
	return dirs
}

// readBytes reads a limit file; "max" and absent files are no limit.
func readBytes(name string) (int64, bool) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil && n > 0
}

// machineMemory reads MemTotal, which the kernel states in KiB.
func machineMemory(root string) (int64, bool) {
	text, err := os.ReadFile(filepath.Join(root, "proc/meminfo"))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) >= 2 && words[0] == "MemTotal:" {
			n, err := strconv.ParseInt(words[1], 10, 64)
			return n << 10, err == nil && n > 0
		}
	}
	return 0, false
}
