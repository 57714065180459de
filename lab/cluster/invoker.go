package cluster

import (
	"fmt"
	"os/user"
	"path/filepath"
	"strconv"
)

// person is who asked for the lab: under sudo the user behind it. Compilers
// run as that person, so that the Go caches in the home folder stay theirs.
type person struct {
	uid, gid    int
	home, cache string
	// viaSudo says that the process runs as root for somebody else.
	viaSudo bool
}

func invoker(environ []string) (person, error) {
	if id := lookup(environ, "SUDO_UID"); id != "" && id != "0" {
		uid, err := strconv.Atoi(id)
		if err != nil {
			return person{}, fmt.Errorf("cannot read SUDO_UID=%q: %w", id, err)
		}
		u, err := user.LookupId(id)
		if err != nil {
			return person{}, fmt.Errorf("cannot find the user behind sudo: %w", err)
		}
		gid, err := strconv.Atoi(u.Gid)
		if err != nil {
			return person{}, fmt.Errorf("cannot read the group of user %s: %w", u.Username, err)
		}
		return person{uid: uid, gid: gid, home: u.HomeDir, cache: filepath.Join(u.HomeDir, ".cache"), viaSudo: true}, nil
	}
	u, err := user.Current()
	if err != nil {
		return person{}, fmt.Errorf("cannot find the current user: %w", err)
	}
	uid, errUID := strconv.Atoi(u.Uid)
	gid, errGID := strconv.Atoi(u.Gid)
	if errUID != nil || errGID != nil {
		return person{}, fmt.Errorf("cannot use the user id %q, group id %q", u.Uid, u.Gid)
	}
	home := u.HomeDir
	if h := lookup(environ, "HOME"); h != "" {
		home = h
	}
	cache := lookup(environ, "XDG_CACHE_HOME")
	if !filepath.IsAbs(cache) {
		cache = filepath.Join(home, ".cache")
	}
	return person{uid: uid, gid: gid, home: home, cache: cache}, nil
}
