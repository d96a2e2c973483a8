package delivery

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestRareLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, log := observer.New(zapcore.InfoLevel)
		logger := RareLogger(zap.New(core))
		for i := range 125 {
			logger.Debug("below the level")
			logger.Warn("a", zap.Int("second", i))
			logger.With(zap.Int("x", 1)).Warn("a")
			if i == 30 {
				logger.Warn("b")
			}
			time.Sleep(time.Second)
		}
		assert.Equal(t, 3, log.FilterMessage("a").Len())
		assert.EqualValues(t, 60, log.FilterMessage("a").All()[1].ContextMap()["second"])
		assert.Equal(t, 1, log.FilterMessage("b").Len())
		assert.Equal(t, 4, log.Len())
	})
}
