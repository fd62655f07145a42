package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
	"github.com/heliosdb/heliosdb-streaming/server"
)

// defaultConfig is read when neither --config nor --dev is given.
const defaultConfig = "/etc/heliosdb/streaming.toml"

// configuration are the flags that say where the configuration is.
type configuration struct {
	file, dataDir string
	dev           bool
	sql           []string
}

// define declares the flags that every command with a configuration has.
func (c *configuration) define(f *flags) {
	f.text(&c.file, "config", "FILE", "the configuration, TOML (default "+defaultConfig+");\ndeploy/config/streaming.example.toml explains every key")
	f.yes(&c.dev, "dev", "loopback only, no passwords, an embedded Kafka broker with Nexmark events;\nwithout a file unless --config names one")
	f.text(&c.dataDir, "data-dir", "DIR", "where state lives on this machine ([state] path, or local_path beside a bucket)")
}

// load reads the configuration. The error tells everything that is wrong.
func (c *configuration) load() (*config.Config, error) {
	cfg, err := c.read()
	if err == nil {
		err = server.CheckStatePath(cfg)
	}
	if err != nil {
		return nil, err
	}
	return cfg, nil
}

func (c *configuration) read() (*config.Config, error) {
	var over []config.Override
	if c.dataDir != "" {
		over = append(over, config.Override{Key: config.DataDir, Value: c.dataDir, Origin: "flag --data-dir"})
	}
	if len(c.sql) > 0 {
		over = append(over, config.Override{Key: "startup.sql_files", Value: strings.Join(c.sql, ","), Origin: "flag --sql"})
	}
	if c.dev {
		return config.LoadDev(c.file, os.Environ(), over...)
	}
	if c.file != "" {
		return config.Load(c.file, os.Environ(), over...)
	}
	cfg, err := config.Load(defaultConfig, os.Environ(), over...)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s: write one (deploy/config/streaming.example.toml explains every key), "+
			"name another with --config FILE, or try the program with --dev", defaultConfig)
	}
	return cfg, err
}
