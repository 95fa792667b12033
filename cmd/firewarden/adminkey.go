package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/firewarden/firewarden/internal/config"
)

// adminKey is the key of the administrator and how people find it.
type adminKey struct{ text, told string }

// keyFile is the name of the file with the key in a store's folder.
const keyFile = "admin-key"

// administrator is the key of the configuration, or that of the store's folder, which is made when it is not there.
// A store without a folder has a key for one run only, which is printed.
func (m *Main) administrator(c *config.Config, folder string) (adminKey, error) {
	if c.AdminKey != "" {
		told := "the key of " + c.Source("admin-key")
		if c.Default("admin-key") { // the sandbox's, which everybody knows
			told = "Authorization: Bearer " + c.AdminKey
		}
		return adminKey{c.AdminKey, told}, nil
	}
	if folder == "" {
		text, err := m.newKey()
		return adminKey{text, "Authorization: Bearer " + text + " (for this run only)"}, err
	}
	path := filepath.Join(folder, keyFile)
	told := "the key is in " + path
	text, err := readKey(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return adminKey{text, told}, err
	}
	if text, err = m.newKey(); err != nil {
		return adminKey{}, err
	}
	// Nobody else may read it, and a key that is half written must never count: write it beside, then rename.
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return adminKey{}, fmt.Errorf("keep the administrator's key: %w", err)
	}
	_, err = f.WriteString(text + "\n")
	if err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return adminKey{}, fmt.Errorf("keep the administrator's key: %w", err)
	}
	return adminKey{text, told}, nil
}

// readKey reads a key file. It refuses one that others can read.
func readKey(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("the administrator's key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("the administrator's key %s can be read by others (mode %o): chmod 600 it, or remove it for a new one", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("the administrator's key: %w", err)
	}
	key := strings.TrimSpace(string(text))
	if len(key) < 12 {
		return "", fmt.Errorf("%s holds no key: remove it for a new one", path)
	}
	return key, nil
}

// newKey is 192 random bits.
func (m *Main) newKey() (string, error) {
	var b [24]byte
	if _, err := io.ReadFull(m.Random, b[:]); err != nil {
		return "", fmt.Errorf("make the administrator's key: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}
