using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.History.Durable;
using Notifier.Redis;

namespace Notifier.History;

internal static class Setup
{
    public static void AddHistory(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<RecentOptions>().BindConfiguration("History:Recent").ValidateOnStart();
        services.AddOptions<DurableOptions>().BindConfiguration("History:Durable").ValidateOnStart();
        services.AddKnownSettings<RecentOptions>("History:Recent");
        services.AddKnownSettings<DurableOptions>("History:Durable");
        services.AddSingleton<IValidateOptions<RecentOptions>, RecentValidator>();
        services.AddSingleton<IValidateOptions<DurableOptions>, DurableValidator>();

        services.AddOptions<EmbeddedRedisNeeds>().Configure<IOptions<DurableOptions>>(static (embedded, durable) => embedded.Scripts = durable.Value.Channels.Length > 0);

        services.AddSingleton<HistoryMetrics>();
        services.AddSingleton<DurableChannels>();
        services.AddSingleton<Journal>();
        services.AddSingleton<JournalReader>();
        services.AddSingleton<Publisher>();
        services.AddHostedService<JournalKeeper>();
    }
}
