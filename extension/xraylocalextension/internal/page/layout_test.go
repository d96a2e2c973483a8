package page

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlaceChain(t *testing.T) {
	l := place(3, [][2]int{{0, 1}, {1, 2}})
	for i := range 3 {
		require.Equal(t, i, l.points[i].layer)
		require.InDelta(t, l.points[0].y, l.points[i].y, 0.5, "in one line")
		require.EqualValues(t, i*columnWidth, l.points[i].x)
	}
}

// An edge over several columns bends in each between.
func TestPlaceBends(t *testing.T) {
	l := place(4, [][2]int{{0, 1}, {1, 2}, {2, 3}, {0, 3}})
	require.Len(t, l.points, 6)
	r := l.routes[3]
	require.Len(t, r.points, 4)
	for i, p := range r.points {
		require.Equal(t, i, l.points[p].layer)
	}
	require.InDelta(t, (rowHeight+bendHeight)/2, math.Abs(l.points[1].y-l.points[4].y), 1, "the bend is not where a node is")
}

func TestPlaceUncrosses(t *testing.T) {
	l := place(6, [][2]int{{0, 5}, {1, 4}, {2, 3}})
	require.Zero(t, l.crossings())
}

func TestPlaceCircles(t *testing.T) {
	l := place(3, [][2]int{{0, 1}, {1, 2}, {2, 0}, {1, 1}})
	require.Equal(t, []bool{false, false, true, true}, []bool{l.routes[0].back, l.routes[1].back, l.routes[2].back, l.routes[3].back})
	back := l.routes[2].points
	require.Equal(t, 2, back[0])
	require.Equal(t, 0, back[len(back)-1])
}

func TestPlaceNothing(t *testing.T) {
	require.Empty(t, place(0, nil).points)
	require.Len(t, place(1, nil).points, 1)
}

// Whatever the graph: every edge is routed from its source to its target, one
// column at a time, and what stands in a column does not overlap.
func TestPlaceAnyGraph(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 1 + r.IntN(25)
		var edges [][2]int
		for range r.IntN(60) {
			edges = append(edges, [2]int{r.IntN(n), r.IntN(n)})
		}
		l := place(n, edges)
		require.Len(t, l.routes, len(edges))
		for i, route := range l.routes {
			require.Equal(t, edges[i], [2]int{route.points[0], route.points[len(route.points)-1]})
			for j := 1; j < len(route.points); j++ {
				step := l.points[route.points[j]].layer - l.points[route.points[j-1]].layer
				switch {
				case edges[i][0] == edges[i][1]:
					require.Zero(t, step)
				case route.back:
					require.Equal(t, -1, step)
				default:
					require.Equal(t, 1, step)
				}
			}
		}
		placed := 0
		for _, layer := range l.layers {
			placed += len(layer)
			for i := 1; i < len(layer); i++ {
				a, b := layer[i-1], layer[i]
				require.GreaterOrEqual(t, l.points[b].y-l.points[a].y+1e-6, (l.gaps[a]+l.gaps[b])/2)
			}
		}
		require.Equal(t, len(l.points), placed)
		top, bottom, room := math.Inf(1), 0.0, 0.0
		for i, p := range l.points {
			top, bottom = min(top, p.y-l.gaps[i]/2), max(bottom, p.y+l.gaps[i]/2)
			room += l.gaps[i]
		}
		require.InDelta(t, 0, top, 1e-6)
		require.LessOrEqual(t, bottom, room+1e-6)
	}
}
