using Microsoft.Extensions.Options;

namespace Notifier.Configuration;

internal static class Setup
{
    public static void AddConfiguration(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddMetrics();
        builder.Services.AddOptions<LimitsOptions>().BindConfiguration("Limits").ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<LimitsOptions>, LimitsValidator>();
    }
}
