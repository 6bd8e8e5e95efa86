using Microsoft.Extensions.Options;
using Notifier.History.Durable;

namespace Notifier.History;

internal static class Setup
{
    public static void AddHistory(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<RecentOptions>().BindConfiguration("History:Recent").ValidateOnStart();
        services.AddOptions<DurableOptions>().BindConfiguration("History:Durable").ValidateOnStart();
        services.AddSingleton<IValidateOptions<RecentOptions>, RecentValidator>();
        services.AddSingleton<IValidateOptions<DurableOptions>, DurableValidator>();

        services.AddSingleton<HistoryMetrics>();
        services.AddSingleton<DurableChannels>();
        services.AddSingleton<Journal>();
        services.AddSingleton<JournalReader>();
        services.AddSingleton<Publisher>();
    }
}
