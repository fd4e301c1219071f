// go-mysql as a consumer: prints the first column of the journal's rows of each whole transaction.
//
// HOST PORT USER PASSWORD FAMILY WAY FILE; WAY is file or gtid. When the connection breaks it begins
// again behind the last whole transaction. Ends when a row of 0 is deleted.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
)

type consumer struct {
	config replication.BinlogSyncerConfig
	byGtid bool
	place  mysql.Position
	gtids  mysql.GTIDSet
}

func (c *consumer) begin(syncer *replication.BinlogSyncer) (*replication.BinlogStreamer, error) {
	if c.byGtid {
		return syncer.StartSyncGTID(c.gtids.Clone())
	}
	return syncer.StartSync(c.place)
}

// True when the mark came.
func (c *consumer) consume() (bool, error) {
	syncer := replication.NewBinlogSyncer(c.config)
	defer syncer.Close()
	streamer, err := c.begin(syncer)
	if err != nil {
		return false, err
	}
	file := c.place.Name
	gtid := ""
	var waiting []string
	for {
		event, err := streamer.GetEvent(context.Background())
		if err != nil {
			return false, err
		}
		switch data := event.Event.(type) {
		case *replication.RotateEvent:
			file = string(data.NextLogName)
		case *replication.GTIDEvent:
			if next, err := data.GTIDNext(); err == nil {
				gtid = next.String()
			}
		case *replication.MariadbGTIDEvent:
			gtid = data.GTID.String()
		case *replication.RowsEvent:
			if string(data.Table.Table) != "journal" {
				continue
			}
			for _, row := range data.Rows {
				first := fmt.Sprint(row[0])
				isDelete := event.Header.EventType == replication.DELETE_ROWS_EVENTv1 ||
					event.Header.EventType == replication.DELETE_ROWS_EVENTv2
				if isDelete && first == "0" {
					return true, nil
				}
				if !isDelete {
					waiting = append(waiting, first)
				}
			}
		case *replication.XIDEvent:
			for _, number := range waiting {
				fmt.Println(number)
			}
			waiting = nil
			c.place = mysql.Position{Name: file, Pos: event.Header.LogPos}
			if gtid != "" && c.byGtid {
				_ = c.gtids.Update(gtid)
			}
		}
	}
}

func main() {
	port, _ := strconv.Atoi(os.Args[2])
	c := &consumer{
		config: replication.BinlogSyncerConfig{
			ServerID: 5432, Flavor: os.Args[5], Host: os.Args[1], Port: uint16(port), User: os.Args[3],
			Password: os.Args[4], DisableRetrySync: true, HeartbeatPeriod: time.Second,
		},
		byGtid: os.Args[6] == "gtid",
		place:  mysql.Position{Name: os.Args[7], Pos: 4},
	}
	c.gtids, _ = mysql.ParseGTIDSet(c.config.Flavor, "")
	for {
		done, err := c.consume()
		if done {
			return
		}
		fmt.Fprintln(os.Stderr, "again:", err)
		time.Sleep(100 * time.Millisecond)
	}
}
