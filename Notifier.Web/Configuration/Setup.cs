using Microsoft.Extensions.Options;

namespace Notifier.Configuration;

internal static class Setup
{
    /// <summary>Reads secret files too, so to be called before other folders read the configuration.</summary>
    public static void AddConfiguration(this WebApplicationBuilder builder)
    {
        SecretFiles.Read(builder.Configuration);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddMetrics();
        builder.Services.AddOptions<LimitsOptions>().BindConfiguration("Limits").ValidateOnStart();
        builder.Services.AddKnownSettings<LimitsOptions>("Limits");
        builder.Services.AddSingleton(SecretFiles.Settings);
        builder.Services.AddSingleton<IValidateOptions<LimitsOptions>, LimitsValidator>();
        builder.Services.AddSingleton<ConfigurationCheck>();
    }
}
