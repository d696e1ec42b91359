package main

import (
	"context"
	"fmt"
	"time"

	"quhao/internal/proto"
)

// orderWithin bounds how long the command line waits for a device: a kiosk that serves a visitor comes to it afterwards.
const orderWithin = 40 * time.Second

// order has a device do something, and says for a person what came of it.
func (t *talker) order(ctx context.Context, device, op, number string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, orderWithin)
	defer cancel()
	how, err := t.ctl.Order(ctx, device, op, number)
	if err != nil {
		return "", err
	}
	switch how {
	case proto.HowNone:
		return "", fmt.Errorf("%s：没有出纸。请看打印机的纸和盖；补打只能在打印该号的取号机上 "+
			"(no paper came: look at paper and cover; a ticket can be reprinted only by the kiosk that printed it)", device)
	case proto.HowUnknown:
		return "", fmt.Errorf("%s：不知道纸是否完整，请看一下 (nobody knows whether the paper is whole: have a look)", device)
	case proto.HowSent:
		return fmt.Sprintf("%s：已发往打印机，该打印机不应答 (sent; this printer does not answer)\n", device), nil
	}
	return fmt.Sprintf("%s：已完成 (done)\n", device), nil
}
