using Microsoft.Extensions.Options;

namespace Notifier.Hub;

internal static class Setup
{
    public static void AddHub(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<SubscriptionsOptions>().BindConfiguration("Subscriptions").ValidateOnStart();
        services.AddSingleton<IValidateOptions<SubscriptionsOptions>, SubscriptionsValidator>();

        services.AddSingleton<HubMetrics>();
        services.AddSingleton<Covers>();
        services.AddSingleton<SubscriptionContext>();
        services.AddSingleton<SubscriptionHub>();
        services.AddHostedService<HubSweep>();
    }
}
