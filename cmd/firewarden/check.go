package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"

	"github.com/firewarden/firewarden/internal/config"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/store/embedded"
	"github.com/firewarden/firewarden/store/mongo"
)

func newCheck(f *flag.FlagSet) runner {
	most := f.Int("most", 50, "`number` of problems that are shown")
	return func(ctx context.Context, m *Main, in *input, _ []string) error {
		d, err := existing(ctx, m, in)
		if err != nil {
			return err
		}
		if d.embedded == nil {
			return errors.Join(errors.New("check reads stores in folders: a database is checked by its own tools, its index is mended by firewarden reindex"), d.close())
		}
		p := startProgress(m, 0)
		p.noun = "instances"
		problems, err := d.embedded.Check(ctx, p.set)
		p.stop()
		log := ""
		if err == nil {
			var broken error
			if log, broken = d.verifyLog(ctx, m, [sha256.Size]byte{}); broken != nil {
				problems = append(problems, broken.Error())
			}
		}
		if err = errors.Join(err, d.close()); err != nil {
			return fmt.Errorf("check %s: %w", d.folder, err)
		}
		for i, line := range problems {
			if i == *most {
				fmt.Fprintf(m.Stdout, "and %d more (--most)\n", len(problems)-i)
				break
			}
			fmt.Fprintln(m.Stdout, line)
		}
		checked := fmt.Sprintf("%s instances checked in %.1f s", grouped(int(p.done.Load())), p.elapsed().Seconds())
		if len(problems) > 0 {
			return fmt.Errorf("%s: %s in %s; firewarden reindex mends an index, nothing else", checked, plural(len(problems), "problem"), d.folder)
		}
		fmt.Fprintf(m.Stdout, "%s: no problems\n%s\n", checked, log)
		return nil
	}
}

func newReindex(*flag.FlagSet) runner {
	return func(ctx context.Context, m *Main, in *input, _ []string) error {
		c, err := config.Load(in.Input)
		if err != nil {
			return usageError(err.Error())
		}
		if !config.IsMongoDB(c.Store) && !isStore(c.Store) {
			return fmt.Errorf("there is no store in %s: name its folder with --store", c.Store)
		}
		x := &index.Indexer{NoWords: c.Search.NoTextIndex} // without a base it gets the one of before
		if !c.Default("base-url") || !c.Default("listen") {
			x.Base = baseOf(c, c.Listen) + "/fhir"
		}
		p := startProgress(m, 0)
		p.noun = "instances"
		if config.IsMongoDB(c.Store) {
			err = mongo.Reindex(ctx, mongo.Options{URI: c.Store, Indexer: x, Clock: m.Now}, p.set)
		} else {
			err = embedded.Reindex(ctx, embedded.Options{Dir: c.Store, Indexer: x, Clock: m.Now}, p.set)
		}
		p.stop()
		if err != nil {
			return whatToDo(err, c, "", x.Base)
		}
		fmt.Fprintf(m.Stdout, "%s instances indexed in %.1f s\n", grouped(int(p.done.Load())), p.elapsed().Seconds())
		return nil
	}
}
