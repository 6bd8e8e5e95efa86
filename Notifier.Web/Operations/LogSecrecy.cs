namespace Notifier.Operations;

/// <summary>
/// Keeps ASP.NET Core from logging requests, for tokens stand in them: a rule for logs that no configuration can lift, so that
/// who turns everything on to find a fault does not hand out what visitors sent meanwhile.
/// </summary>
internal static class LogSecrecy
{
    /// <param name="logging">All its rules are narrowed: those of any provider, those of code, and those that a reload brings.</param>
    public static void AddSecrecy(this ILoggingBuilder logging) => logging.Services.PostConfigure<LoggerFilterOptions>(static options =>
    {
        // Where no rule fits, the least level holds. As a rule it yields to every other, and can be narrowed as they are.
        options.Rules.Insert(0, new LoggerFilterRule(providerName: null, categoryName: null, options.MinLevel, filter: null));
        for (var i = 0; i < options.Rules.Count; i++)
            options.Rules[i] = Narrowed(options.Rules[i]);
    });

    /// <summary>
    /// Not a rule of its own beside the others: it would win over stricter ones too, and lose to a more specific one.
    /// </summary>
    private static LoggerFilterRule Narrowed(LoggerFilterRule rule) => new(
        rule.ProviderName,
        rule.CategoryName,
        rule.LogLevel,
        (provider, category, level) => level >= Least(category) && (rule.Filter is null || rule.Filter(provider, category, level)));

    private static LogLevel Least(string? category) => category switch
    {
        // Each request at Information, with its whole query.
        "Microsoft.AspNetCore.Hosting.Diagnostics" => LogLevel.Warning,
        // What Kestrel cannot parse at Debug: the line of the request, or of the header.
        "Microsoft.AspNetCore.Server.Kestrel.BadRequests" => LogLevel.Information,
        _ => LogLevel.Trace,
    };
}
