package config

import (
	"path/filepath"
	"strings"
	"time"
)

// Backends of operator state.
const (
	BackendMemory = "memory"
	BackendFile   = "file"
	BackendS3     = "s3"
	BackendGCS    = "gcs"
	BackendAzure  = "azure"
)

// defaultLocalPath is the data directory where none is named.
const defaultLocalPath = "/var/lib/heliosdb/state"

// State is where and how operator state is kept.
type State struct {
	// Backend is "file" (durable on this machine, the default), "memory" (lost
	// on exit), or an object store that outlives the machine: "s3", "gcs" or
	// "azure", with a working copy under local_path.
	Backend string `key:"backend" oneof:"file,memory,s3,gcs,azure"`
	// Path is the data directory of backend "file", or the bucket and prefix of
	// an object store: s3://bucket/prefix, gs://bucket/prefix,
	// azblob://container/prefix (also azure://). file:///directory with backend
	// "file" is a folder used as an object store, for example on a network file
	// system; then local_path is the data directory.
	// Default "/var/lib/heliosdb/state"; dev mode "heliosdb-data".
	Path string `key:"path"`
	// LocalPath is the data directory when path is a bucket. It may be lost: the
	// bucket has all of it. Default "": /var/lib/heliosdb/state.
	LocalPath string `key:"local_path"`
	// EncryptionEnabled encrypts everything kept (state, log, checkpoints,
	// savepoints, dead letters) with AES-256-GCM under a data key that [kms]
	// wraps. It is decided for a data directory once, when it is new.
	// Default false.
	EncryptionEnabled bool `key:"encryption_enabled"`
	// Compression of kept state: "none", "snappy" (default) or "zstd" (smaller,
	// more processor time).
	Compression string `key:"compression" oneof:"none,snappy,zstd"`
	// IncrementalCheckpoints writes only what changed since the last checkpoint.
	// Default true; false writes everything every time.
	IncrementalCheckpoints bool `key:"incremental_checkpoints"`
	// RetainedCheckpoints is how many of the newest checkpoints an object store
	// keeps. Default 10.
	RetainedCheckpoints int `key:"retained_checkpoints" range:"1,10000"`
	// CacheSizeMB is the store's block cache, in MiB, a part of the memory
	// limit. Default 64.
	CacheSizeMB int `key:"cache_size_mb" range:"0,1048576"`
	// MemoryLimitMB bounds the resident size of the process, in MiB. Default 0:
	// three quarters of what the control group allows, or of the machine's
	// memory.
	MemoryLimitMB int `key:"memory_limit_mb" range:"0,16777216"`
	// Endpoint is the URL of an object store that is not the vendor's own, for
	// example "https://minio.example.com:9000". Default "": the vendor's.
	Endpoint string `key:"endpoint"`
	// Region of the bucket. Default "": as AWS_REGION says.
	Region string `key:"region"`
	// PathStyle puts the bucket's name into the path and not into the host name,
	// as most S3-compatible servers want it. Default false.
	PathStyle bool `key:"path_style"`
	// RequestTimeout bounds one request to the object store. Seconds, default 30.
	RequestTimeout time.Duration `key:"request_timeout_secs" range:"0.1,3600"`
	// MaxRetries is how often a request that failed for a passing reason is
	// tried again, with growing pauses. Default 8.
	MaxRetries int `key:"max_retries" range:"0,100"`
	// Lease is how long the process that owns a bucket may be silent before
	// another one may take the bucket over: how long a restart on another machine
	// waits when the process before it died. Seconds, default 15.
	Lease time.Duration `key:"lease_secs" range:"0.1,3600"`
	// TakeOver takes a bucket over from another process without waiting until its
	// lease has run out. For once, by a person who knows that the other process
	// is gone; if it is not, it stops. Default false.
	TakeOver bool `key:"take_over"`
}

// BucketURL is path when it names an object store, else "".
func (s *State) BucketURL() string {
	if s.Backend == BackendMemory || !strings.Contains(s.Path, "://") {
		return ""
	}
	return s.Path
}

// LocalDir is the data directory on this machine. With backend "memory" no
// state is there, but the audit log and the development broker are.
func (s *State) LocalDir() string {
	switch {
	case !strings.Contains(s.Path, "://") && (s.LocalPath == "" || s.Backend == BackendFile):
		return s.Path
	case s.LocalPath == "":
		return defaultLocalPath
	}
	return s.LocalPath
}

// AuditLogFile is the file of the audit log.
func (c *Config) AuditLogFile() string {
	if c.Security.AuditLogFile != "" {
		return c.Security.AuditLogFile
	}
	return filepath.Join(c.State.LocalDir(), "audit.log")
}

// LocalKeyFile is the key file of [kms] provider "local". It lies beside the
// data directory and not in it, so that a copy of the directory does not hold
// its own key.
func (c *Config) LocalKeyFile() string {
	if c.KMS.LocalKeyFile != "" {
		return c.KMS.LocalKeyFile
	}
	return filepath.Join(filepath.Dir(filepath.Clean(c.State.LocalDir())), "kms.key")
}
