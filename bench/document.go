//go:build linux

package main

import (
	"fmt"
	"strings"
)

func sub(i int) string {
	return fmt.Sprintf(`{"name":"stock.example.com","id":"%016x","start_time":1760797120.0%02d125,"end_time":1760797120.1%02d875,"namespace":"remote","http":{"request":{"method":"GET","url":"https://stock.example.com/items/4711?warehouse=7&page=%d"},"response":{"status":200,"content_length":1871}},"annotations":{"tenant":"blue","attempt":%d},"metadata":{"default":{"cache":"miss","region":"eu-west-1","shard":%d,"note":"fetched from the primary"}}}`, i+0xabc, i, i, i, i, i)
}

func (l load) document() []byte {
	n := 0
	switch l {
	case midSegments:
		n = 5
	case largeSegments:
		n = 40
	}
	var subs []string
	for i := range n {
		subs = append(subs, sub(i))
	}
	tail := ""
	if n > 0 {
		tail = `,"subsegments":[` + strings.Join(subs, ",") + `]`
	}
	return []byte(`{"name":"checkout.example.com","id":"a1b2c3d4e5f60718","trace_id":"1-68f3a1c0-9d3f1b7a2c4e6f8091a2b3c4","start_time":1760797120.000125,"end_time":1760797121.250875,"user":"user-4711","service":{"version":"1.4.2"},"http":{"request":{"method":"POST","url":"https://checkout.example.com/orders/12?step=pay","user_agent":"shop-app/3.1","client_ip":"203.0.113.24","x_forwarded_for":true},"response":{"status":200,"content_length":187}},"aws":{"xray":{"sdk":"X-Ray for Go","sdk_version":"1.8.5","sampling_rule_name":"Default"}},"annotations":{"tenant":"blue","items":3},"metadata":{"default":{"cart":{"id":12,"lines":[1,2]}}}` + tail + `}`)
}
