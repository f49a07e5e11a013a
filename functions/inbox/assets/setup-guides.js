// What has to be done at each provider before a channel can be connected, step by step.

/** Keys of the steps in text-en.js, and where they are done. */
export const GUIDES = {
  whatsapp: { steps: ['guide_whatsapp_1', 'guide_whatsapp_2', 'guide_whatsapp_3'], site: 'https://developers.facebook.com/apps' },
  messenger: { steps: ['guide_messenger_1', 'guide_messenger_2', 'guide_messenger_3'], site: 'https://developers.facebook.com/apps' },
  telegram: { steps: ['guide_telegram_1', 'guide_telegram_2', 'guide_telegram_3'], site: 'https://t.me/BotFather' },
  twilio: { steps: ['guide_twilio_1', 'guide_twilio_2', 'guide_twilio_3'], site: 'https://console.twilio.com' },
  custom: { steps: ['guide_custom_1', 'guide_custom_2', 'guide_custom_3'], site: null },
};
