package api

// MetricsStatus says where metrics are to be had.
type MetricsStatus struct {
	// Listen is settings.metrics.listen.
	Listen string `json:"listen"`
	// Failure says why they cannot be had there, "" if they can.
	Failure string `json:"failure,omitempty"`
}
