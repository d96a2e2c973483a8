package page

import (
	"cmp"
	"slices"
)

// layout places the nodes of a directed graph in columns from left to right:
// each as far from the left as its longest way from an entry, ordered within
// its column so that few edges cross, and near what it is connected to.
//
// An edge over more than one column passes a bend in each column between, so
// that it goes around nodes and not through them.
type layout struct {
	nodes  int
	points []point   // of the nodes, then of the bends
	routes []route   // of the edges
	layers [][]int   // columns of points, top to bottom
	up     [][]int   // neighbours of a point in the column before
	down   [][]int   // neighbours in the column after
	gaps   []float64 // the height that a point needs
}

type point struct {
	layer int
	x, y  float64
}

// route is the points that an edge passes, from its source to its target. A
// back route runs from right to left or within a node.
type route struct {
	points []int
	back   bool
}

const (
	columnWidth = 220
	rowHeight   = 116
	bendHeight  = 42
	orderSweeps = 24
	placeSweeps = 81 // odd, so that the last runs from left to right and leaves stand beside their callers
)

// place lays out n nodes. Entries come first in the order of the nodes.
func place(n int, edges [][2]int) *layout {
	l := &layout{nodes: n, points: make([]point, n), gaps: make([]float64, n)}
	for i := range l.gaps {
		l.gaps[i] = rowHeight
	}
	back := backEdges(n, edges)
	l.assignLayers(n, edges, back)
	l.up, l.down = make([][]int, n), make([][]int, n)
	for i, e := range edges {
		l.route(e, back[i])
	}
	l.fillLayers()
	l.order()
	l.assignY()
	return l
}

// backEdges marks the edges that must be turned round to have no circle.
func backEdges(n int, edges [][2]int) []bool {
	out := make([][]int, n) // edges by source
	for i, e := range edges {
		out[e[0]] = append(out[e[0]], i)
	}
	back := make([]bool, len(edges))
	const (
		unseen = iota
		open
		done
	)
	state := make([]int, n)
	var visit func(v int)
	visit = func(v int) {
		state[v] = open
		for _, i := range out[v] {
			switch w := edges[i][1]; state[w] {
			case unseen:
				visit(w)
			case open:
				back[i] = true
			}
		}
		state[v] = done
	}
	for v := range n {
		if state[v] == unseen {
			visit(v)
		}
	}
	return back
}

// assignLayers puts each node one column behind its rightmost caller.
func (l *layout) assignLayers(n int, edges [][2]int, back []bool) {
	callers := make([]int, n)
	next := make([][]int, n)
	for i, e := range edges {
		if !back[i] {
			callers[e[1]]++
			next[e[0]] = append(next[e[0]], e[1])
		}
	}
	var ready []int
	for v := range n {
		if callers[v] == 0 {
			ready = append(ready, v)
		}
	}
	for len(ready) > 0 {
		v := ready[0]
		ready = ready[1:]
		for _, w := range next[v] {
			l.points[w].layer = max(l.points[w].layer, l.points[v].layer+1)
			if callers[w]--; callers[w] == 0 {
				ready = append(ready, w)
			}
		}
	}
}

// route adds the bends of one edge.
func (l *layout) route(e [2]int, back bool) {
	if e[0] == e[1] {
		l.routes = append(l.routes, route{points: []int{e[0], e[0]}, back: true})
		return
	}
	from, to := e[0], e[1]
	if back {
		from, to = to, from
	}
	way := []int{from}
	for layer := l.points[from].layer + 1; layer < l.points[to].layer; layer++ {
		way = append(way, len(l.points))
		l.points = append(l.points, point{layer: layer})
		l.gaps = append(l.gaps, bendHeight)
		l.up, l.down = append(l.up, nil), append(l.down, nil)
	}
	way = append(way, to)
	for i := 1; i < len(way); i++ {
		l.down[way[i-1]] = append(l.down[way[i-1]], way[i])
		l.up[way[i]] = append(l.up[way[i]], way[i-1])
	}
	if back {
		slices.Reverse(way)
	}
	l.routes = append(l.routes, route{points: way, back: back})
}

func (l *layout) fillLayers() {
	for i, p := range l.points {
		for len(l.layers) <= p.layer {
			l.layers = append(l.layers, nil)
		}
		l.layers[p.layer] = append(l.layers[p.layer], i)
		l.points[i].x = float64(p.layer) * columnWidth
	}
}

// order sorts each column by the mean place of its neighbours, to and fro, and
// keeps the order with the fewest crossings.
func (l *layout) order() {
	best, fewest := clone(l.layers), l.crossings()
	for sweep := range orderSweeps {
		if fewest == 0 {
			break
		}
		if sweep%2 == 0 {
			for i := 1; i < len(l.layers); i++ {
				l.sortLayer(i, i-1, l.up)
			}
		} else {
			for i := len(l.layers) - 2; i >= 0; i-- {
				l.sortLayer(i, i+1, l.down)
			}
		}
		if c := l.crossings(); c < fewest {
			best, fewest = clone(l.layers), c
		}
	}
	l.layers = best
}

func clone(layers [][]int) [][]int {
	c := make([][]int, len(layers))
	for i, layer := range layers {
		c[i] = slices.Clone(layer)
	}
	return c
}

// ranks returns the place of each point of a column.
func (l *layout) ranks(layer int) map[int]int {
	at := make(map[int]int, len(l.layers[layer]))
	for i, p := range l.layers[layer] {
		at[p] = i
	}
	return at
}

func (l *layout) sortLayer(layer, beside int, neighbours [][]int) {
	at := l.ranks(beside)
	weight := make(map[int]float64, len(l.layers[layer]))
	for i, p := range l.layers[layer] {
		if len(neighbours[p]) == 0 {
			weight[p] = float64(i)
			continue
		}
		sum := 0
		for _, q := range neighbours[p] {
			sum += at[q]
		}
		weight[p] = float64(sum) / float64(len(neighbours[p]))
	}
	slices.SortStableFunc(l.layers[layer], func(a, b int) int { return cmp.Compare(weight[a], weight[b]) })
}

// crossings counts the pairs of edges that cross.
func (l *layout) crossings() int {
	total := 0
	for i := 1; i < len(l.layers); i++ {
		at := l.ranks(i)
		// In the order of their upper ends, each edge crosses those before it
		// that end below it: count inversions with a tree of sums.
		sums := make([]int, len(l.layers[i])+1)
		seen := 0
		for _, p := range l.layers[i-1] {
			ends := make([]int, 0, len(l.down[p]))
			for _, q := range l.down[p] {
				ends = append(ends, at[q])
			}
			for _, e := range ends {
				notBelow := 0
				for k := e + 1; k > 0; k -= k & -k {
					notBelow += sums[k]
				}
				total += seen - notBelow
			}
			for _, e := range ends {
				seen++
				for k := e + 1; k < len(sums); k += k & -k {
					sums[k]++
				}
			}
		}
	}
	return total
}

// assignY gives each point its height: near the mean of its neighbours, in the
// order of its column, with the room that it needs.
func (l *layout) assignY() {
	for _, layer := range l.layers {
		y := 0.0
		for _, p := range layer {
			l.points[p].y = y + l.gaps[p]/2
			y += l.gaps[p]
		}
		for _, p := range layer {
			l.points[p].y -= y / 2
		}
	}
	for sweep := range placeSweeps {
		for i := range l.layers {
			if sweep%2 == 1 {
				i = len(l.layers) - 1 - i
			}
			l.settle(l.layers[i])
		}
	}
	l.compact()
}

// compact takes out the bands in which nothing stands, above all and between
// parts that are not connected and drifted apart.
func (l *layout) compact() {
	order := make([]int, len(l.points))
	for i := range order {
		order[i] = i
	}
	top := func(i int) float64 { return l.points[i].y - l.gaps[i]/2 }
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(top(a), top(b)) })
	end, up := 0.0, 0.0 // where what stands so far ends, and how far the next moves up
	for n, i := range order {
		t := top(i)
		if n == 0 {
			end, up = t, t
		}
		up += max(0, t-end)
		end = max(end, t+l.gaps[i])
		l.points[i].y -= up
	}
}

// settle moves the points of one column as near to their neighbours as their
// order and room allow, by least squares: taken off its offset in the column,
// each wish may only grow downwards, and neighbours whose wishes do not are
// pooled at their mean.
func (l *layout) settle(layer []int) {
	type pool struct {
		sum   float64
		count int
	}
	var pools []pool
	offsets := make([]float64, len(layer))
	for i, p := range layer {
		if i > 0 {
			offsets[i] = offsets[i-1] + (l.gaps[layer[i-1]]+l.gaps[p])/2
		}
		wish, n := 0.0, 0
		for _, side := range [][]int{l.up[p], l.down[p]} {
			for _, q := range side {
				wish += l.points[q].y
				n++
			}
		}
		if n == 0 {
			wish, n = l.points[p].y, 1
		}
		pools = append(pools, pool{wish/float64(n) - offsets[i], 1})
		for len(pools) > 1 {
			a, b := pools[len(pools)-2], pools[len(pools)-1]
			if a.sum/float64(a.count) <= b.sum/float64(b.count) {
				break
			}
			pools = append(pools[:len(pools)-2], pool{a.sum + b.sum, a.count + b.count})
		}
	}
	i := 0
	for _, p := range pools {
		for range p.count {
			l.points[layer[i]].y = p.sum/float64(p.count) + offsets[i]
			i++
		}
	}
}
