using FluentAssertions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>A log rule cannot enable categories that would log secrets.</summary>
public sealed class LogRuleTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Requests = "Microsoft.AspNetCore.Hosting.Diagnostics";
    private const string BadRequests = "Microsoft.AspNetCore.Server.Kestrel.BadRequests";

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData("LogLevel:Microsoft")]
    [InlineData("LogLevel:Microsoft.AspNetCore.Hosting.Diagnostics")]
    [InlineData("LogLevel:Microsoft.AspNetCore.Server.Kestrel.*BadRequests")]
    [InlineData("Notifier.Tests.Support.LogCapture:LogLevel:Default")]
    [InlineData("Notifier.Tests.Support.LogCapture:LogLevel:Microsoft.AspNetCore.Hosting.Diagnostics*")]
    [InlineData("Notifier.Tests.Support.LogCapture:LogLevel:Microsoft.AspNetCore.Server.Kestrel.BadRequests")]
    public async Task No_log_rule_enables_the_logging_of_requests_at_start_or_after_a_reload(string rule)
    {
        await using var started = await NotifierApp.StartAsync(Redis.Configuration, settings: $"Logging:{rule}=Trace");
        await using var reloaded = await NotifierApp.StartAsync(Redis.Configuration);
        var configuration = (IConfigurationRoot)reloaded.Services.GetRequiredService<IConfiguration>();
        configuration[$"Logging:{rule}"] = "Trace";
        configuration["Logging:Notifier.Tests.Support.LogCapture:LogLevel:Witness"] = "Debug";
        configuration.Reload();

        IsOn(reloaded, "Witness", LogLevel.Debug).Should().BeTrue("the reload took effect");
        foreach (var app in new[] { started, reloaded })
        {
            IsOn(app, Requests, LogLevel.Information).Should().BeFalse();
            IsOn(app, BadRequests, LogLevel.Debug).Should().BeFalse();
        }
    }

    [Fact]
    public async Task Other_log_rules_for_the_web_server_apply_as_configured()
    {
        await using var ordinary = await NotifierApp.StartAsync(Redis.Configuration);
        await using var silent = await NotifierApp.StartAsync(Redis.Configuration, settings: "Logging:LogLevel:Microsoft=None");
        await using var loud = await NotifierApp.StartAsync(Redis.Configuration, settings: "Logging:LogLevel:Microsoft=Debug");

        (IsOn(ordinary, Requests, LogLevel.Critical), IsOn(ordinary, BadRequests, LogLevel.Information)).Should().Be((false, false));
        (IsOn(silent, Requests, LogLevel.Critical), IsOn(silent, BadRequests, LogLevel.Critical)).Should().Be((false, false));
        (IsOn(loud, Requests, LogLevel.Critical), IsOn(loud, BadRequests, LogLevel.Information)).Should().Be((false, true));
        IsOn(loud, "Microsoft.AspNetCore.Server.Kestrel", LogLevel.Debug).Should().BeTrue();
    }

    private static bool IsOn(NotifierApp app, string category, LogLevel level) =>
        app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(category).IsEnabled(level);
}
