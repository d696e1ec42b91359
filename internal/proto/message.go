package proto

// Message is one MQTT message on its way through a pipe.
type Message struct {
	Topic   string
	Payload []byte
	Retain  bool
	QoS     byte // 0 for heartbeats, otherwise 1
}
