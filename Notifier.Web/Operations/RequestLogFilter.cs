namespace Notifier.Operations;

/// <summary>
/// Keeps ASP.NET Core from logging requests, because they contain tokens. No configuration can override it, so that an operator who logs
/// everything to find a fault does not record secrets.
/// </summary>
internal static class RequestLogFilter
{
    /// <param name="logging">All rules are restricted: those of each provider, those from code, and those that a reload adds.</param>
    public static void AddRequestLogFilter(this ILoggingBuilder logging) => logging.Services.PostConfigure<LoggerFilterOptions>(static options =>
    {
        // If no rule matches, the minimum level applies. Here it becomes a rule with the lowest priority, which is restricted too.
        options.Rules.Insert(0, new LoggerFilterRule(providerName: null, categoryName: null, options.MinLevel, filter: null));
        for (var i = 0; i < options.Rules.Count; i++)
            options.Rules[i] = Restrict(options.Rules[i]);
    });

    /// <summary>
    /// Restricts each rule instead of adding one: an added rule would override stricter ones, and a more specific one would override it.
    /// </summary>
    private static LoggerFilterRule Restrict(LoggerFilterRule rule) => new(
        rule.ProviderName,
        rule.CategoryName,
        rule.LogLevel,
        (provider, category, level) => level >= MinLevel(category) && level <= MaxLevel(category) && (rule.Filter is null || rule.Filter(provider, category, level)));

    private static LogLevel MinLevel(string? category) => category switch
    {
        // Logs each request with its query at Information, and its path in scopes. Its activities and scopes were a tenth of the processor time of a handshake;
        // without a log it makes none. Traces (Endpoints/Traces.cs) have their own.
        "Microsoft.AspNetCore.Hosting.Diagnostics" => LogLevel.None,
        // Logs request lines and headers that Kestrel cannot parse at Debug.
        "Microsoft.AspNetCore.Server.Kestrel.BadRequests" => LogLevel.Information,
        _ => LogLevel.Trace,
    };

    private static LogLevel MaxLevel(string? category) => category switch
    {
        // What clients do wrong is Critical there: one that resets its requests as fast as it can would write a hundred kilobytes a second.
        "Microsoft.AspNetCore.Server.Kestrel.Http2" => LogLevel.Information,
        _ => LogLevel.None,
    };
}
