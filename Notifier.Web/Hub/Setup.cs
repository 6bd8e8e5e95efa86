using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Hub;

internal static class Setup
{
    public static void AddHub(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<SubscriptionsOptions>().BindConfiguration("Subscriptions").ValidateOnStart();
        services.AddKnownSettings<SubscriptionsOptions>("Subscriptions");
        services.AddSingleton<IValidateOptions<SubscriptionsOptions>, SubscriptionsValidator>();

        services.AddSingleton<HubMetrics>();
        services.AddSingleton<Covers>();
        services.AddSingleton<SubscriptionContext>();
        services.AddSingleton<SubscriptionHub>();
        services.AddHostedService<HubSweep>();
    }
}
