package config

// Hours are the centre's opening hours. A centre without regimes is opened and closed by hand.
type Hours struct {
	Regimes []Regime  `yaml:"regimes" count:"1..20"`
	Weekly  []Closing `yaml:"weekly" count:"0..20"`
}

// Regime is a timetable for a part of every year (作息时间). The regimes together cover the year without overlap.
type Regime struct {
	ID       string    `yaml:"id" must:"every regime needs an id" form:"id"`
	Name     Text      `yaml:"name" must:"every regime needs a name"`
	From     string    `yaml:"from" must:"the first day, such as 05-01" form:"day"`
	Until    string    `yaml:"until" must:"the last day, such as 09-30" form:"day"` // before From: over the turn of the year
	Days     []string  `yaml:"days" oneof:"mon tue wed thu fri sat sun" count:"1..7"`
	Sittings []Sitting `yaml:"sittings" must:"at least one sitting with from and until" count:"1..4"`
}

func (r *Regime) defaults() { r.Days = []string{"mon", "tue", "wed", "thu", "fri"} }

// Sitting is one stretch of opening on a day. Times are local, HH:MM.
type Sitting struct {
	From  string `yaml:"from" must:"when the doors open, such as 08:00" form:"clock"`
	Until string `yaml:"until" must:"when no more tickets are given, such as 12:00" form:"clock"`
}

// Closing is a weekly closing, such as the hours of study (regulation, article 22).
type Closing struct {
	Day    string   `yaml:"day" must:"the day of the week" oneof:"mon tue wed thu fri sat sun"`
	From   string   `yaml:"from" must:"when the closing begins, such as 16:00" form:"clock"` // until the end of the day
	Reason Text     `yaml:"reason" must:"what the board says meanwhile"`
	Except []string `yaml:"except"` // departments that stay open
}
