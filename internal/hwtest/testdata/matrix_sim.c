// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * A keypad of four rows and four columns as a chip of GPIO lines: ROW1 to ROW4, COL1 to COL4. Each key connects its row
 * with its column, at once and in both directions, so that three keys on the corners of a rectangle connect the fourth
 * as well. A line that nothing drives follows its pull.
 *
 * keys    the keys that are down, a bit for each, the first row's first key the lowest; written by the test
 * shorts  how often two lines were found driven against each other by a key
 */
#include <linux/gpio/driver.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/spinlock.h>

#define ROWS 4
#define COLUMNS 4
#define LINES (ROWS + COLUMNS)

struct pad {
	struct gpio_chip chip;
	spinlock_t lock;
	unsigned long driven, level, up; /* a bit for each line */
	unsigned int keys, shorts;
};

static const char *const names[LINES] = {
	"ROW1", "ROW2", "ROW3", "ROW4", "COL1", "COL2", "COL3", "COL4",
};

/* net returns the lines that keys connect with a line, itself included. */
static unsigned long net(struct pad *p, unsigned int line)
{
	unsigned long all = BIT(line), before;
	unsigned int row, column;

	do {
		before = all;
		for (row = 0; row < ROWS; row++)
			for (column = 0; column < COLUMNS; column++) {
				unsigned long ends = BIT(row) | BIT(ROWS + column);

				if (p->keys & BIT(row * COLUMNS + column) && all & ends)
					all |= ends;
			}
	} while (all != before);
	return all;
}

static int pad_get(struct gpio_chip *chip, unsigned int line)
{
	struct pad *p = gpiochip_get_data(chip);
	unsigned long flags, all, low, high;
	int value;

	spin_lock_irqsave(&p->lock, flags);
	all = net(p, line);
	low = all & p->driven & ~p->level;
	high = all & p->driven & p->level;
	if (low && high)
		p->shorts++;
	value = low ? 0 : high || all & p->up;
	spin_unlock_irqrestore(&p->lock, flags);
	return value;
}

static void pad_change(struct pad *p, unsigned int line, bool drive, bool level)
{
	unsigned long flags;

	spin_lock_irqsave(&p->lock, flags);
	__assign_bit(line, &p->driven, drive);
	__assign_bit(line, &p->level, level);
	spin_unlock_irqrestore(&p->lock, flags);
}

static void pad_set(struct gpio_chip *chip, unsigned int line, int value)
{
	pad_change(gpiochip_get_data(chip), line, true, value);
}

static int pad_output(struct gpio_chip *chip, unsigned int line, int value)
{
	pad_change(gpiochip_get_data(chip), line, true, value);
	return 0;
}

static int pad_input(struct gpio_chip *chip, unsigned int line)
{
	pad_change(gpiochip_get_data(chip), line, false, false);
	return 0;
}

static int pad_direction(struct gpio_chip *chip, unsigned int line)
{
	struct pad *p = gpiochip_get_data(chip);

	return test_bit(line, &p->driven) ? GPIO_LINE_DIRECTION_OUT : GPIO_LINE_DIRECTION_IN;
}

static int pad_pull(struct gpio_chip *chip, unsigned int line, unsigned long config)
{
	struct pad *p = gpiochip_get_data(chip);

	switch (pinconf_to_config_param(config)) {
	case PIN_CONFIG_BIAS_PULL_UP:
		set_bit(line, &p->up);
		return 0;
	case PIN_CONFIG_BIAS_PULL_DOWN:
	case PIN_CONFIG_BIAS_DISABLE:
		clear_bit(line, &p->up);
		return 0;
	default:
		return -ENOTSUPP;
	}
}

static ssize_t keys_store(struct device *dev, struct device_attribute *attr, const char *buf, size_t len)
{
	struct pad *p = dev_get_drvdata(dev);
	unsigned long flags;
	unsigned int keys;
	int err = kstrtouint(buf, 0, &keys);

	if (err)
		return err;
	spin_lock_irqsave(&p->lock, flags);
	p->keys = keys;
	spin_unlock_irqrestore(&p->lock, flags);
	return len;
}
static DEVICE_ATTR_WO(keys);

static ssize_t shorts_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct pad *p = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", p->shorts);
}
static DEVICE_ATTR_RO(shorts);

static struct attribute *pad_attrs[] = {
	&dev_attr_keys.attr,
	&dev_attr_shorts.attr,
	NULL
};
ATTRIBUTE_GROUPS(pad);

static int pad_probe(struct platform_device *dev)
{
	struct pad *p = devm_kzalloc(&dev->dev, sizeof(*p), GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	spin_lock_init(&p->lock);
	p->chip.label = "matrix-sim";
	p->chip.parent = &dev->dev;
	p->chip.owner = THIS_MODULE;
	p->chip.base = -1;
	p->chip.ngpio = LINES;
	p->chip.names = names;
	p->chip.get = pad_get;
	p->chip.set = pad_set;
	p->chip.get_direction = pad_direction;
	p->chip.direction_input = pad_input;
	p->chip.direction_output = pad_output;
	p->chip.set_config = pad_pull;
	platform_set_drvdata(dev, p);
	return devm_gpiochip_add_data(&dev->dev, &p->chip, p);
}

static struct platform_driver pad_driver = {
	.driver = { .name = "matrix-sim", .dev_groups = pad_groups },
	.probe = pad_probe,
};

static struct platform_device *pad_device;

static int __init pad_init(void)
{
	int err = platform_driver_register(&pad_driver);

	if (err)
		return err;
	pad_device = platform_device_register_simple("matrix-sim", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(pad_device)) {
		platform_driver_unregister(&pad_driver);
		return PTR_ERR(pad_device);
	}
	return 0;
}
module_init(pad_init);

static void __exit pad_exit(void)
{
	platform_device_unregister(pad_device);
	platform_driver_unregister(&pad_driver);
}
module_exit(pad_exit);

MODULE_DESCRIPTION("Keypad of rows and columns");
MODULE_LICENSE("GPL");
