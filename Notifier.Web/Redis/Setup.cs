using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Messages;
using Notifier.Redis.Receiver;

namespace Notifier.Redis;

internal static class Setup
{
    public static void AddRedis(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<RedisOptions>().BindConfiguration("Redis").ValidateOnStart();
        services.AddKnownSettings<RedisOptions>("Redis");
        services.AddSingleton<IValidateOptions<RedisOptions>, RedisValidator>();

        services.AddSingleton<RedisLocator>();
        services.AddSingleton<RedisNames>();
        services.AddSingleton<SubscribedNames>();
        services.AddSingleton(static provider => new DeliveryHelpers(provider.GetRequiredService<IOptions<RedisOptions>>().Value.DeliveryThreads));
        services.AddSingleton<RedisMetrics>();
        services.AddSingleton<RedisSubscriptions>();
        services.AddSingleton<RedisPublisher>();

        services.AddSingleton<RedisBackplane>();
        services.AddHostedService(static provider => provider.GetRequiredService<RedisBackplane>());
        services.AddSingleton<RedisProbe>();
        services.AddHostedService(static provider => provider.GetRequiredService<RedisProbe>());
    }
}
